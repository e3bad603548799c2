/** XEP-0108: the payload's namespace and the PEP node's name. */
export const NS_ACTIVITY = "http://jabber.org/protocol/activity";
/** XEP-0060. */
export const NS_PUBSUB = "http://jabber.org/protocol/pubsub";
/** XEP-0060 section 7.1.2.1. */
export const NS_PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
/** XEP-0115. */
export const NS_CAPS = "http://jabber.org/protocol/caps";
/** XEP-0030. */
export const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
/** Our module in the XMPP server; plugins/server-prosody describes the protocol. */
export const NS_SERVER_MODULE = "urn:x-presence-gateway:server:1";
/** The one id of items that the gateway publishes: the newest replaces the one before. */
export const ITEM_ID = "current";

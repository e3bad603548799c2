/** RFC 3863: the presence information data format. */
export const NS_PIDF = "urn:ietf:params:xml:ns:pidf";

/** RFC 4479: the data model, with the person. */
export const NS_DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model";

/** RFC 4480: activities and more. */
export const NS_RPID = "urn:ietf:params:xml:ns:pidf:rpid";

/** RFC 4235: calls. */
export const NS_DIALOG_INFO = "urn:ietf:params:xml:ns:dialog-info";

/** RFC 8048 6.2 note 7: where an XMPP show stands in PIDF. */
export const NS_XMPP_CLIENT = "jabber:client";

/** The id of the gateway's tuple: who reads it knows that the document is ours. */
export const OWN_TUPLE = "gw";

/** The id of the gateway's person. */
export const OWN_PERSON = "p-gw";

/** The namespaces of what the component answers to people's clients. */
export const NS = {
  /** XEP-0050. */
  commands: "http://jabber.org/protocol/commands",
  /** XEP-0004. */
  data: "jabber:x:data",
  /** XEP-0133. */
  admin: "http://jabber.org/protocol/admin",
  /** XEP-0030. */
  discoInfo: "http://jabber.org/protocol/disco#info",
  discoItems: "http://jabber.org/protocol/disco#items",
  /** XEP-0115. */
  caps: "http://jabber.org/protocol/caps",
  /** XEP-0054. */
  vcard: "vcard-temp",
  /** XEP-0092. */
  version: "jabber:iq:version",
  /** XEP-0012. */
  last: "jabber:iq:last",
  /** XEP-0172. */
  nick: "http://jabber.org/protocol/nick",
  /** XEP-0199. */
  ping: "urn:xmpp:ping",
} as const;

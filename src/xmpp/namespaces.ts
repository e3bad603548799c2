/** The namespaces that the link itself speaks. */
export const NS = {
  stream: "http://etherx.jabber.org/streams",
  component: "jabber:component:accept",
  client: "jabber:client",
  streamErrors: "urn:ietf:params:xml:ns:xmpp-streams",
  stanzaErrors: "urn:ietf:params:xml:ns:xmpp-stanzas",
  privilege1: "urn:xmpp:privilege:1",
  privilege2: "urn:xmpp:privilege:2",
  forward: "urn:xmpp:forward:0",
  pubsub: "http://jabber.org/protocol/pubsub",
  ping: "urn:xmpp:ping",
  discoInfo: "http://jabber.org/protocol/disco#info",
  serverModule: "urn:x-presence-gateway:server:1",
} as const;

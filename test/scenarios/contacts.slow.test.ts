import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { elementsOf, textOf, type XmlElement } from "../../src/ports/xml-element.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";
import { COMPONENT, DOMAIN } from "./xmpp-world.ts";

const ALICE = parsePresentityId(`alice@${DOMAIN}`);
const BOB = `bob@${DOMAIN}`;
const CONTACT = String.raw`alice\40${DOMAIN}@${COMPONENT}`;

describe("contact JIDs", () => {
  let whole: WholeGateway;
  /** What was sent to bob from the contact JID, as its type, or as show and status. */
  let told: string[];

  beforeEach(async () => {
    whole = await startWholeGateway({ hasContacts: true });
    told = [];
    whole.xmpp.intercept = (stanza) => {
      const { from = "", to = "" } = stanza.attributes;
      if (stanza.name === "presence" && to.startsWith(BOB) && from.startsWith(CONTACT))
        told.push(describeState(stanza));
      return undefined;
    };
    await whole.enable("alice");
  });
  afterEach(() => whole.close());

  const say = (type: string): void =>
    whole.xmpp.server.send(`<presence type='${type}' from='${BOB}' to='${CONTACT}'/>`);
  const untilTold = (...expected: readonly string[]): Promise<void> =>
    whole.passUntil(() => JSON.stringify(told) === JSON.stringify(expected), `${expected} (not ${told})`);

  it("show a watcher the user's presence, the meeting and its end", async () => {
    say("subscribe");
    await untilTold("subscribed", "available");
    const cancel = whole.meet("alice", 0, 60);
    await untilTold("subscribed", "available", "dnd In a meeting");
    cancel();
    await untilTold("subscribed", "available", "dnd In a meeting", "available");
    whole.xmpp.online("alice", "<show>away</show><status>tea</status>");
    await untilTold("subscribed", "available", "dnd In a meeting", "available", "away tea");
    whole.xmpp.offline("alice");
    await untilTold("subscribed", "available", "dnd In a meeting", "available", "away tea", "unavailable");
  });

  it("show all again after a lost connection, and nothing after the stop", async () => {
    whole.meet("alice", 0, 60);
    say("subscribe");
    await whole.passUntil(() => told.at(-1) === "dnd In a meeting", "the meeting");
    told = [];
    whole.xmpp.server.drop();
    await untilTold("dnd In a meeting");
    await whole.stop();
    expect(told).toEqual(["dnd In a meeting", "unavailable"]);
  });

  it("are no contacts any more when the user opts out or is removed", async () => {
    say("subscribe");
    await untilTold("subscribed", "available");
    await whole.store.registry.replaceOptOut(ALICE, whole.runtime.clock.now());
    await untilTold("subscribed", "available", "unavailable", "unsubscribed");
    say("subscribe");
    await untilTold("subscribed", "available", "unavailable", "unsubscribed", "unsubscribed");
  });

  it("are there for users who are offline, and answer probes from the first moment", async () => {
    whole.xmpp.offline("alice");
    await whole.pass(2);
    say("subscribe");
    await untilTold("subscribed", "unavailable");
    say("probe");
    await untilTold("subscribed", "unavailable", "unavailable");
    whole.xmpp.online("alice");
    await untilTold("subscribed", "unavailable", "unavailable", "available");
  });
});

/** `dnd In a meeting`. */
function describeState(stanza: XmlElement): string {
  const { type } = stanza.attributes;
  if (type !== undefined) return type;
  const words = (name: string): string => {
    const found = elementsOf(stanza).find((each) => each.name === name);
    return found ? textOf(found) : "";
  };
  return [words("show") || "available", words("status")].filter(Boolean).join(" ");
}

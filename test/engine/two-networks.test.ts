import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseMailbox, parsePresentityId, parseSipAor } from "../../src/core/addresses.ts";
import { restorePresentity } from "../../src/engine/presentity.ts";
import { hours, minutes, plus } from "../../src/lib/time.ts";
import { type EngineLab, meeting, shownOf, startEngineLab } from "./engine-lab.ts";

const ALICE = parsePresentityId("alice@example.com");
const AOR = parseSipAor("sip:alice@example.com");

describe("clients of two networks", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
    await lab.enable(ALICE);
  });
  afterEach(() => lab.close());

  const pass = (length = 1000) => lab.runtime.clock.advance(length);
  const clients = () =>
    lab.store.journal
      .find(ALICE)
      ?.clients.map(({ resource }) => resource)
      .sort();
  const call = (knownFor: number) => ({
    since: lab.runtime.clock.now(),
    knownUntil: plus(lab.runtime.clock.now(), knownFor),
  });

  it("are confirmed each by its own server: one that returns says nothing of the other's", async () => {
    lab.clients.online(ALICE);
    lab.phones.online(ALICE, { resource: "sip:desk" });
    await pass();
    lab.phones.channel.push({ kind: "reset" });
    lab.phones.channel.push({ kind: "settled" });
    await pass();
    expect(clients()).toEqual(["pc"]);
    lab.phones.online(ALICE, { resource: "sip:desk" });
    lab.clients.channel.push({ kind: "reset" });
    lab.clients.channel.push({ kind: "settled" });
    await pass();
    expect(clients()).toEqual(["sip:desk"]);
  });

  it("do not leave for each other, whatever they are called", async () => {
    lab.clients.online(ALICE, { resource: "sip:desk" });
    lab.phones.offline(ALICE, "sip:desk");
    await pass();
    expect(clients()).toEqual(["sip:desk"]);
  });

  it("are remembered over a restart as what they were", async () => {
    lab.phones.online(ALICE, { resource: "sip:desk", show: "dnd" });
    await lab.crashAndRestart();
    lab.clients.channel.push({ kind: "reset" });
    lab.clients.channel.push({ kind: "settled" });
    await pass();
    expect(clients()).toEqual(["sip:desk"]);
    lab.phones.channel.push({ kind: "reset" });
    lab.phones.channel.push({ kind: "settled" });
    await pass();
    expect(clients()).toEqual([]);
  });

  it("are forgotten over a restart when nobody listens to their network any more", () => {
    const client = { show: "away", priority: 0, status: {}, since: lab.runtime.clock.now() } as const;
    const clients = [
      { ...client, resource: "pc" },
      { ...client, resource: "sip:desk", via: "sip" as const },
    ];
    const entry = { presentity: ALICE, clients, published: [], outbox: [] };
    const restored = (...networks: readonly (undefined | "sip")[]) =>
      restorePresentity(entry, lab.runtime.clock.now(), new Set(networks)).clients.map(({ resource }) => resource);
    expect(restored(undefined)).toEqual(["pc"]);
    expect(restored(undefined, "sip")).toEqual(["pc", "sip:desk"]);
  });

  it("show a call over a meeting, and the meeting again when the call ends or is not heard of any more", async () => {
    lab.clients.online(ALICE);
    lab.calendar.set(ALICE, [meeting(-5, 600)]);
    await pass();
    for (const phone of [call(hours(1)), undefined]) {
      lab.phones.channel.push({ kind: "phone", presentity: ALICE, phone });
      await pass();
      expect(shownOf(lab, ALICE)).toBe(phone ? "dnd/on-the-phone" : "dnd/in-a-meeting");
    }
    lab.phones.channel.push({ kind: "phone", presentity: ALICE, phone: call(minutes(20)) });
    await pass(minutes(19));
    expect(shownOf(lab, ALICE)).toBe("dnd/on-the-phone");
    await pass(minutes(2));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("claim a meeting to no effect but a line in the audit: nothing is published over a phone's own document", async () => {
    lab.clients.online(ALICE);
    await pass();
    const before = lab.publisher.sent.length;
    lab.phones.channel.push({ kind: "claim", presentity: ALICE, carrier: "document" });
    await pass();
    expect(lab.publisher.sent.length).toBe(before);
    expect((await lab.store.registry.listAudit(1))[0]).toMatchObject({ action: "claim.forged", subject: ALICE });
  });

  it("are followed under the user's SIP address, as long as there is an enabled user", async () => {
    const user = { presentity: ALICE, mailbox: parseMailbox(ALICE), gateway: "exchange", locale: "en" };
    await lab.store.registry.replaceUser({ ...user, isEnabled: true, sip: AOR });
    await pass();
    expect([...lab.phones.followed]).toEqual([[ALICE, AOR]]);
    await lab.store.registry.replaceUser({ ...user, isEnabled: true });
    await pass();
    expect([...lab.phones.followed]).toEqual([[ALICE, undefined]]);
    await lab.store.registry.replaceUser({ ...user, isEnabled: false, sip: AOR });
    await pass();
    expect([...lab.phones.followed]).toEqual([]);
    await lab.store.registry.replaceUser({ ...user, isEnabled: true, sip: AOR });
    await pass();
    expect([...lab.phones.followed]).toEqual([[ALICE, AOR]]);
    await lab.store.registry.deleteUser(ALICE);
    await pass();
    expect([...lab.phones.followed]).toEqual([]);
  });
});

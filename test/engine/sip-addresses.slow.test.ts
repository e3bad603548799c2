import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId, parseSipAor } from "../../src/core/addresses.ts";
import { minutes, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { type EngineLab, meeting, startEngineLab } from "./engine-lab.ts";
import { TableSipPublisher } from "./table-sip-publisher.ts";

const ALICE = "alice@example.com";
const BOB = "bob@example.com";
const A = "sip:alice@example.com";
const B = "sip:4711@example.com";
const outage = new GatewayError("the server is away", { type: "wait", code: "test-outage" });
const refused = new GatewayError("not allowed", { type: "auth", code: "test-refused" });

let lab: EngineLab;
let sip: TableSipPublisher;
beforeEach(async () => {
  sip = new TableSipPublisher();
  lab = await startEngineLab([sip]);
  lab.calendar.set(ALICE, [meeting(-5, 30)]);
  lab.clients.online(ALICE);
});
afterEach(() => lab.close());

const shown = (): readonly string[] => [...sip.shown].map(([aor, { show }]) => `${aor} ${show}`).sort();

/** Changes the user's address, or takes it away. */
async function readdress(address: string | undefined, wait = 1000): Promise<void> {
  const { sip: _, ...user } = (await lab.store.registry.findUser(parsePresentityId(ALICE))) ?? {};
  if (!("presentity" in user)) throw new Error("alice is no user");
  await lab.store.registry.replaceUser({ ...user, ...(address && { sip: parseSipAor(address) }) });
  await lab.runtime.clock.advance(wait);
}

describe("publishing under SIP addresses", () => {
  it("shows only users that have an address, under it", async () => {
    lab.calendar.set(BOB, [meeting(-5, 30)]);
    lab.clients.online(BOB);
    await lab.enable(BOB);
    await lab.enable(ALICE, { sip: A });
    expect(shown()).toEqual([`${A} dnd`]);
    await lab.runtime.clock.advance(minutes(31));
    expect(shown()).toEqual([`${A} available`]);
  });

  it("leaves the old address before it shows anything under the new one", async () => {
    await lab.enable(ALICE, { sip: A });
    const before = sip.sent.length;
    await readdress(B);
    expect(sip.sent.slice(before)).toEqual([
      ["retract", A, "unavailable"],
      ["publish", B, "dnd"],
    ]);
  });

  it("takes back what is shown of a user whose address is taken away, who is disabled, or removed", async () => {
    await lab.enable(ALICE, { sip: A });
    await readdress(undefined);
    expect(shown()).toEqual([]);
    await readdress(A);
    expect(shown()).toEqual([`${A} dnd`]);
    await lab.store.registry.deleteUser(parsePresentityId(ALICE));
    await lab.runtime.clock.advance(1000);
    expect(sip.sent.at(-1)).toEqual(["retract", A, "unavailable"]);
    expect(lab.store.journal.find(parsePresentityId(ALICE))).toBeUndefined();
  });

  it("takes back a document that says nothing, too", async () => {
    await lab.enable(ALICE, { sip: A });
    lab.clients.offline(ALICE);
    await lab.runtime.clock.advance(10);
    expect(shown()).toEqual([`${A} unavailable`]);
    await readdress(undefined);
    expect(shown()).toEqual([]);
  });

  it("takes back what was on its way to the old address", async () => {
    let arrive = (): void => undefined;
    sip.hold = new Promise((resolve) => {
      arrive = resolve;
    });
    await lab.enable(ALICE, { sip: A });
    await readdress(B);
    expect(sip.sent).toEqual([]);
    arrive();
    await lab.runtime.clock.advance(1000);
    expect(sip.sent.map(([kind, aor]) => `${kind} ${aor}`)).toEqual([`publish ${A}`, `retract ${A}`, `publish ${B}`]);
  });

  it("remembers over a crash under which address something is shown", async () => {
    await lab.enable(ALICE, { sip: A });
    await lab.runtime.clock.advance(seconds(3));
    await lab.crashAndRestart(async () => {
      sip.refusal = { error: outage };
    });
    await readdress(B);
    sip.refusal = undefined;
    await lab.runtime.clock.advance(minutes(6));
    expect(shown()).toEqual([`${B} dnd`]);
  });

  it("does not wait for ever for leave from an address that the server refuses it", async () => {
    await lab.enable(ALICE, { sip: A });
    sip.refusal = { error: refused };
    await readdress(B, 0);
    await lab.runtime.clock.advance(500);
    sip.refusal = undefined;
    await lab.runtime.clock.advance(minutes(2));
    expect(sip.sent.at(-1)).toEqual(["publish", B, "dnd"]);
  });

  it("takes back what only the calendar says before all else when the gateway stops", async () => {
    lab.calendar.set(ALICE, []);
    await lab.enable(ALICE, { sip: A });
    lab.calendar.set(BOB, [meeting(-5, 30)]);
    lab.clients.online(BOB);
    await lab.enable(BOB, { sip: B });
    const before = sip.sent.length;
    const stopped = lab.gateway.stop();
    await lab.runtime.clock.advance(seconds(5));
    await stopped;
    expect(sip.sent.slice(before).map(([kind, aor]) => `${kind} ${aor}`)).toEqual([`retract ${B}`, `retract ${A}`]);
  });

  it("removes every publication when the gateway stops", async () => {
    await lab.enable(ALICE, { sip: A });
    const stopped = lab.gateway.stop();
    await lab.runtime.clock.advance(seconds(5));
    await stopped;
    expect(shown()).toEqual([]);
  });
});

interface Step {
  readonly address: string | undefined;
  readonly trouble: TableSipPublisher["refusal"];
  readonly isInMeeting: boolean;
  readonly isOnline: boolean;
  readonly wait: number;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    address: fc.constantFrom(A, B, undefined),
    trouble: fc.constantFrom(undefined, { error: outage }, { error: outage, isLate: true }),
    isInMeeting: fc.boolean(),
    isOnline: fc.boolean(),
    wait: fc.constantFrom(0, 10, 1000, 70_000),
  }),
  { minLength: 1, maxLength: 8 },
);

async function live({ address, trouble, isInMeeting, isOnline, wait }: Step): Promise<void> {
  sip.refusal = trouble;
  lab.calendar.set(ALICE, isInMeeting ? [meeting(-5, 60 * 24 * 365)] : []);
  if (isOnline) lab.clients.online(ALICE);
  else lab.clients.offline(ALICE);
  await readdress(address, wait);
}

const expectedShow = ({ isOnline, isInMeeting }: Step): string =>
  isOnline ? (isInMeeting ? "dnd" : "available") : "unavailable";

describe("whatever happens to addresses, meetings and the server", () => {
  it("shows in the end what is so under the present address, and nothing under another", async () => {
    await lab.enable(ALICE, { sip: A });
    await fc.assert(
      fc.asyncProperty(steps, async (life) => {
        for (const step of life) await live(step);
        sip.refusal = undefined;
        await lab.runtime.clock.advance(minutes(10));
        const last = life.at(-1);
        const { address } = last ?? {};
        // Whoever was never shown under the address may be shown by nothing at all.
        const visible = shown().filter((each) => each !== `${address} unavailable`);
        const show = last && expectedShow(last);
        expect(visible).toEqual(address && show !== "unavailable" ? [`${address} ${show}`] : []);
      }),
      { numRuns: 20 },
    );
  });
});

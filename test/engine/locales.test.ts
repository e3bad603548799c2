import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { type EngineLab, meeting, shownOf, startEngineLab } from "./engine-lab.ts";

const [ALICE, BOB] = ["alice@example.com", "bob@example.com"];
let lab: EngineLab;
beforeEach(async () => {
  lab = await startEngineLab();
});
afterEach(() => lab.close());

const languagesSent = (jid: string): readonly string[] =>
  lab.publisher.sent.filter(({ presentity }) => presentity === jid).map(({ locale }) => locale);
const gatewaysStarted = (): number => lab.runtime.events.filter(({ event }) => event === "calendar.started").length;

describe("users' locales", () => {
  it("[L2] are many on one gateway, which is not made anew for another one", async () => {
    for (const jid of [ALICE, BOB]) {
      lab.calendar.set(jid, [meeting(-5, 30)]);
      lab.clients.online(jid);
    }
    await lab.enable(ALICE, { locale: "de-AT" });
    await lab.enable(BOB, { locale: "ja" });
    expect([languagesSent(ALICE).at(-1), languagesSent(BOB).at(-1)]).toEqual(["de-AT", "ja"]);
    expect(gatewaysStarted()).toBe(1);
  });

  it("[L4] take effect at once in a running meeting, without disabling and enabling", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    const user = await lab.store.registry.findUser(parsePresentityId(ALICE));
    if (user) await lab.store.registry.replaceUser({ ...user, locale: "fr" });
    await lab.runtime.clock.advance(1000);
    expect(languagesSent(ALICE)).toEqual(["en", "fr"]);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    expect(gatewaysStarted()).toBe(1);
  });

  it("[L4] take effect whether the folder's name in the language is set before or after", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE, { locale: "fr" });
    await lab.store.registry.replaceCalendarName("fr", "Mon agenda");
    await lab.runtime.clock.advance(1000);
    expect(languagesSent(ALICE)).toEqual(["fr"]);
    expect(gatewaysStarted()).toBe(1);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { JabberClient } from "../../lab/jabber-client.ts";
import type { ContactView } from "../../lab/jabber-view.ts";
import { mustSucceed, type Site, startSite } from "../../lab/site.ts";
import { installedServers } from "../../lab/xmpp-server.ts";

const MINUTE = 60_000;

/** What bob's client shows of alice, in short. */
const brief = ({ show, status, activity }: ContactView): string => `${show}|${status}|${activity?.specific ?? ""}`;

describe.each(installedServers())("the gateway on a real %s", (server) => {
  let site: Site;
  let alice: JabberClient;
  let bob: JabberClient;
  const meetings: string[] = [];

  const mailbox = () => {
    const found = site.exchange.findMailbox("alice@example.test");
    if (!found) throw new Error("alice has no mailbox");
    return found;
  };
  const add = (
    status: "free" | "tentative" | "busy" | "oof" | "workingElsewhere" | "noData",
    from = -5,
    to = 60,
  ): void => {
    const start = Date.now() + from * MINUTE;
    meetings.push(mailbox().addMeeting({ start, end: start + (to - from) * MINUTE, status }));
  };
  const shows = (expected: string, limit = 15_000) =>
    bob.waitFor(() => brief(bob.view("alice@example.test")) === expected, `alice as ${expected}`, limit);
  /** The calendar was read after this call, whatever it then shows. */
  const read = async () => {
    const before = site.exchange.stats.requestsOf("GetUserAvailability");
    await mustSucceed(site.gateway, "refresh alice@example.test");
    await expect
      .poll(() => site.exchange.stats.requestsOf("GetUserAvailability"), { timeout: 15_000 })
      .toBeGreaterThan(before);
    await alice.settle();
    await bob.settle();
  };

  beforeAll(async () => {
    site = await startSite({ server });
    await site.open(["alice"]);
    bob = await site.connect("bob");
    await bob.sendPresence();
    alice = await site.connect("alice");
  });
  afterAll(() => site.close());
  beforeEach(async () => {
    for (const id of meetings.splice(0)) mailbox().removeMeeting(id);
    await alice.sendPresence();
    await shows("available||");
  });

  it("[M1] leaves somebody who is free as their client says", async () => {
    add("free");
    await read();
    expect(brief(bob.view("alice@example.test"))).toBe("available||");
  });

  it("[M2] leaves somebody with a tentative meeting as their client says", async () => {
    add("tentative");
    await read();
    expect(brief(bob.view("alice@example.test"))).toBe("available||");
  });

  it("[M3] shows somebody who is busy as in a meeting, and no longer when it is deleted", async () => {
    add("busy");
    await shows("dnd|In a meeting|in_a_meeting");
  });

  it("[M4] [M5] shows somebody who is out of office as away", async () => {
    add("oof");
    await shows("away|Out of office|");
  });

  it("[M6] leaves somebody who is working elsewhere as their client says", async () => {
    add("workingElsewhere");
    await read();
    expect(brief(bob.view("alice@example.test"))).toBe("available||");
  });

  it("[M7] invents nothing where the calendar server has no data", async () => {
    add("noData");
    await read();
    expect(brief(bob.view("alice@example.test"))).toBe("available||");
  });

  it("[M8] never shows somebody less busy than they say, and brings their own words back", async () => {
    await alice.sendPresence({ show: "dnd", status: "writing" });
    await shows("dnd|writing|");
    add("busy");
    await shows("dnd|writing|in_a_meeting");
    await alice.sendPresence({ show: "away", status: "lunch" });
    await shows("dnd|In a meeting|in_a_meeting");
    mailbox().removeMeeting(meetings.pop() ?? "");
    await shows("away|lunch|");
  });

  it("[R1] shows no meeting that a client claims, by status text, activity or directed presence", async () => {
    const before = bob.seen.length;
    await alice.sendPresence({ status: { en: "In a meeting", de: "in einer BESPRECHUNG!" } });
    await alice.sendPresence({ to: "bob@example.test", status: "Ιn а mееting" });
    const reply = await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
    expect(reply.type).toBe("error");
    await alice.settle();
    await bob.settle();
    const told = bob.seen.slice(before).filter((fact) => fact.kind === "presence" && fact.status !== "");
    expect(told).toEqual([]);
    expect(brief(bob.view("alice@example.test"))).toBe("available||");
  });

  it("says it in the user's language", async () => {
    await mustSucceed(site.gateway, "locale set alice@example.test de-AT");
    add("busy");
    await bob.waitFor(
      () => bob.view("alice@example.test").activity?.text === "In einer Besprechung",
      "the activity in German",
      15_000,
    );
    await mustSucceed(site.gateway, "locale set alice@example.test en");
    await shows("dnd|In a meeting|in_a_meeting");
  });

  it("shows the meeting on a second client and to a contact who logs in later", async () => {
    add("busy");
    await shows("dnd|In a meeting|in_a_meeting");
    const phone = await site.connect("alice", "phone");
    await phone.sendPresence({ priority: 10 });
    const laptop = await site.connect("bob", "laptop");
    await laptop.sendPresence();
    await laptop.waitFor(
      (client) => brief(client.view("alice@example.test")) === "dnd|In a meeting|in_a_meeting",
      "alice in a meeting, on every resource",
      15_000,
    );
    await phone.close();
    await laptop.close();
  });

  it("[R7] [R8] lets parameters and users change without a restart", async () => {
    add("busy");
    await shows("dnd|In a meeting|in_a_meeting");
    await mustSucceed(site.gateway, "parameter set busy-as away");
    await shows("away|In a meeting|in_a_meeting");
    await mustSucceed(site.gateway, "user disable alice@example.test");
    await shows("available||");
    await mustSucceed(site.gateway, "parameter set busy-as default");
    await mustSucceed(site.gateway, "user enable alice@example.test");
    await shows("dnd|In a meeting|in_a_meeting");
  });

  it("answers why, me, end, pause and resume", async () => {
    add("busy");
    await shows("dnd|In a meeting|in_a_meeting");
    expect(await mustSucceed(site.gateway, "why alice@example.test")).toMatch(/calendar/i);
    const ask = async (text: string): Promise<string> => {
      const from = alice.seen.length;
      await alice.send(`<message to='${site.component}' type='chat'><body>${text}</body></message>`);
      const answer = () => alice.seen.slice(from).find((fact) => fact.kind === "message" && fact.body !== "");
      await alice.waitFor(() => answer() !== undefined, `an answer to ${text}`, 10_000);
      const fact = answer();
      return fact?.kind === "message" ? fact.body : "";
    };
    expect(await ask("me")).toMatch(/in a meeting/i);
    await ask("end");
    await shows("available||");
    await ask("resume");
    await shows("dnd|In a meeting|in_a_meeting");
    await ask("pause for 2h");
    await shows("available||");
    await ask("resume");
    await shows("dnd|In a meeting|in_a_meeting");
    expect(await ask("gateway list")).not.toMatch(/svc-presence/);
  });
});

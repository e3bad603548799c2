import { afterEach, describe, it } from "vitest";
import type { JabberClient } from "../../lab/jabber-client.ts";
import { isMissing } from "../../lab/xmpp-server.ts";
import { HOST, hello, IN_A_MEETING, MEETING, type Site, setOverlay, startSite } from "../server-module/site.ts";

const ALICE = `alice@${HOST}`;

describe.skipIf(isMissing("ejabberd"))("a user of ejabberd who is offline for a while", () => {
  let site: Site;
  afterEach(() => site.close());

  const isInMeeting = (watcher: JabberClient): boolean => watcher.view(ALICE).activity?.specific === "in_a_meeting";

  it("is shown in her meeting to a contact who came meanwhile, once she is back", async () => {
    site = await startSite("ejabberd");
    const gateway = await site.gateway();
    await hello(gateway);
    await setOverlay(gateway, "alice", { ...IN_A_MEETING, activity: "in_a_meeting" });
    await gateway.publish(ALICE, MEETING);
    const bob = await site.jabber("bob");
    await site.jabber("alice");
    await bob.waitFor(isInMeeting, "the meeting");
  });

  it("[R2] is shown without the meeting that has ended by a contact's client that was there all the time, once the user is back", async () => {
    site = await startSite("ejabberd");
    const gateway = await site.gateway();
    await hello(gateway);
    const bob = await site.jabber("bob");
    const alice = await site.jabber("alice");
    await setOverlay(gateway, "alice", { ...IN_A_MEETING, activity: "in_a_meeting" });
    await gateway.publish(ALICE, MEETING);
    await bob.waitFor(isInMeeting, "the meeting");
    await alice.close();
    await setOverlay(gateway, "alice", {});
    await gateway.publish(ALICE, "");
    await site.jabber("alice");
    await bob.waitFor((me) => !isInMeeting(me), "no activity");
  });
});

import { setTimeout as pause } from "node:timers/promises";
import { mustSucceed } from "./site.ts";
import { isInMeeting, isPlainlyAvailable, type Scene, type Stage, untilSeen } from "./stage.ts";

/** By chat the gateway learns of the tenant, and who is on it. */
async function addBranch({ site, screen, branch, carol }: Stage): Promise<void> {
  const user = carol.bareJid.split("@", 1)[0];
  screen.act("administrator: gateway add branch type=office365 tenant=… client=… secret=@office365-secret");
  await mustSucceed(site.gateway, `gateway add branch ${branch.options}`);
  const enable = `user enable ${carol.bareJid} mailbox=${user}@${branch.domain} gateway=branch`;
  screen.act(`administrator: ${enable}`);
  await mustSucceed(site.gateway, enable);
  await branch.untilWatched(1);
  screen.act("Office 365 has called the gateway's webhook: carol's calendar is subscribed to");
}

/** An ad hoc meeting of the second company: told by notification, not found an hour later. */
export const secondCompany: Scene = {
  title: "A second company is on Office 365",
  async play(stage) {
    const { screen, branch, carol } = stage;
    await addBranch(stage);
    screen.act("Office 365: carol enters a meeting that is on already");
    const since = Date.now();
    const remove = branch.book("carol", { start: since - 60_000, end: since + 3_600_000, status: "busy" });
    await untilSeen(stage, isInMeeting, { what: "the ad hoc meeting, by notification", since, who: carol });
    await pause(1000);
    screen.act("Office 365: carol deletes it");
    const deletedAt = Date.now();
    remove();
    await untilSeen(stage, isPlainlyAvailable, { what: "its deletion", since: deletedAt, who: carol });
  },
};

import { expect, it } from "vitest";
import { MAX_WATCHED } from "../../../../plugins/calendar-graph/notifications/graph-watching.ts";
import { parseMailbox } from "../../../../src/core/addresses.ts";
import { hours, minutes } from "../../../../src/lib/time.ts";
import { settle } from "../../../doubles/fake-clock.ts";
import { Scenario, type Told } from "./scenario.ts";

const MAILBOXES = Array.from({ length: 15_000 }, (_, index) => parseMailbox(`user${index}@example.com`));
const GROUPS = Array.from({ length: MAILBOXES.length / MAX_WATCHED }, (_, index) =>
  MAILBOXES.slice(index * MAX_WATCHED, (index + 1) * MAX_WATCHED),
);

async function watchAll(site: Scenario): Promise<readonly Told[]> {
  const watches = GROUPS.map((group) => site.watch(group));
  while (!watches.every(({ words }) => words.includes("all"))) await settle();
  return watches;
}

it("15,000 mailboxes are subscribed with one request each, four at a time, group after group", async () => {
  const site = new Scenario({ pageSize: 100 });
  const watches = await watchAll(site);
  expect(site.graph.peak).toBe(4);
  expect(site.graph.count("POST")).toBe(15_000);
  const made = [...site.cloud.all.values()].map(({ mailbox }) => mailbox);
  for (const [index, group] of GROUPS.entries())
    expect(new Set(made.slice(index * MAX_WATCHED, (index + 1) * MAX_WATCHED))).toEqual(new Set(group));
  console.log(`15,000 subscriptions: ${site.graph.calls.length} requests, ${site.graph.peak} at once`);

  // A storm: a third of all at once, twice each.
  for (const watch of watches) watch.words.length = 0;
  for (const mailbox of [...MAILBOXES.slice(0, 5000), ...MAILBOXES.slice(0, 5000)]) site.cloud.changed(mailbox);
  await site.pass(0);
  expect(watches.reduce((sum, { words }) => sum + words.length, 0)).toBeLessThanOrEqual(10_000);
  expect(new Set(watches.flatMap(({ words }) => words)).size).toBe(5000);

  // A restart: pages of the list, and nothing else.
  const before = site.graph.calls.length;
  await site.restart();
  await watchAll(site);
  const pages = site.graph.calls.length - before;
  expect(site.graph.count("POST")).toBe(15_000);
  expect(pages).toBe(150);
  console.log(`a restart: ${pages} requests`);

  await site.stop();
}, 120_000);

it("each subscription is renewed once in four days, a few at a time", async () => {
  const site = new Scenario({ pageSize: 100 });
  await site.watchUp(GROUPS[0]);
  const before = site.graph.calls.length;
  await site.pass(hours(96));
  expect(site.graph.count("PATCH")).toBe(MAX_WATCHED);
  expect(site.cloud.all.size).toBe(MAX_WATCHED);
  expect(site.graph.peak).toBe(4);
  const perHour = (site.graph.calls.length - before) / 96 / MAX_WATCHED;
  console.log(`four days: ${perHour.toFixed(4)} requests per user and hour, pages of the list included`);
  expect(perHour).toBeLessThan(0.03);
  await site.stop();
}, 120_000);

it("10,000 notifications of unknown subscriptions cost nothing but their answers", async () => {
  const site = new Scenario();
  const told = await site.watchUp();
  const [url = ""] = site.webhooks.urls;
  const value = Array.from({ length: 100 }, (_, index) => ({ subscriptionId: `${index}`, clientState: "forged" }));
  const body = JSON.stringify({ value });
  const before = site.graph.calls.length;
  const start = process.cpuUsage();
  for (let round = 0; round < 100; round++) expect(site.webhooks.send(url, body)?.status).toBe(202);
  const { user, system } = process.cpuUsage(start);
  console.log(`10,000 forged notifications: ${Math.round((user + system) / 1000)} ms CPU`);
  await site.pass(minutes(1));
  expect(told.words).toEqual([]);
  expect(site.graph.calls.length).toBe(before);
});

import { afterEach, describe, expect, it } from "vitest";
import { hours, minutes, seconds } from "../../../src/lib/time.ts";
import { toGatewayError } from "../../../src/ports/errors.ts";
import type { PresencePublisher } from "../../../src/ports/presence-publisher.ts";
import type { CompositorOptions } from "../../doubles/sip/event-state-compositor.ts";
import { untilTrue } from "../shared-sip/until-true.ts";
import { aorOf, FREE, MEETING, publicationOf } from "./publications.ts";
import { SipScene } from "./scenario.ts";

const ALICE = aorOf("alice");
const scenes: SipScene[] = [];
const start = async (compositor: Partial<CompositorOptions> = {}, options = {}): Promise<SipScene> => {
  const scene = await SipScene.start(compositor, options);
  scenes.push(scene);
  return scene;
};

const publish = (scene: SipScene, publisher: PresencePublisher, user = "alice", document = MEETING): Promise<string> =>
  publisher.publish(publicationOf(user, document), scene.signal.signal).then(
    () => "ok",
    (error: unknown) => toGatewayError(error).code,
  );

const users = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `u${index}`);

describe("publishing to a SIP server in trouble", () => {
  afterEach(async () => {
    for (const scene of scenes.splice(0)) await scene.end();
  });

  it.each([
    ["423 with a Min-Expires of nonsense", "423 Interval Too Brief", [["Min-Expires", "soon"]], "publish-sip-interval"],
    ["423 that asks for less", "423 Interval Too Brief", [["Min-Expires", "60"]], "publish-sip-interval"],
    ["200 without an entity tag", "200 OK", [["Expires", "3600"]], "publish-sip-no-tag"],
    ["200 with an entity tag that is none", "200 OK", [["SIP-ETag", "a b"]], "publish-sip-no-tag"],
    ["503", "503 Service Unavailable", [["Retry-After", "120 (maintenance)"]], "publish-sip-busy"],
    ["403", "403 Forbidden", [], "publish-sip-forbidden"],
  ] as const)("answers %s with one request, and not in a loop", async (_, line, headers, code) => {
    const scene = await start();
    scene.server.script = () => ({ line, headers });
    const publisher = await scene.begin();
    expect(await publish(scene, publisher)).toBe(code);
    expect(scene.server.seen).toHaveLength(1);
  });

  it("comes back when Retry-After says, and not before", async () => {
    const scene = await start();
    scene.server.script = (_, count) =>
      count === 1 ? { line: "503 Service Unavailable", headers: [["Retry-After", "120"]] } : undefined;
    const publisher = await scene.begin();
    await publish(scene, publisher);
    expect(await publish(scene, publisher, "alice", FREE)).toBe("publish-sip-busy");
    await scene.runtime.clock.advance(seconds(119));
    expect(scene.server.seen).toHaveLength(1);
    await scene.passUntil(() => scene.server.shown(ALICE).length === 1);
    expect(scene.server.shown(ALICE)[0]).not.toContain("meeting");
  });

  it("tells the log once of what is refused to all, and health says why", async () => {
    const scene = await start();
    scene.server.script = () => ({ line: "489 Bad Event" });
    const publisher = await scene.begin();
    await Promise.all(users(20).map((user) => publish(scene, publisher, user)));
    expect(scene.runtime.events.filter(({ level }) => level === "warn")).toHaveLength(1);
    expect(publisher.health()).toMatchObject({ state: "degraded", error: { code: "publish-sip-refused" } });
    scene.server.script = undefined;
    await scene.passUntil(() => scene.server.publications.size === 20, minutes(10));
    await untilTrue(() => publisher.health().state === "ok");
  });

  it("believes no answer with another branch, CSeq, Call-ID or tag", async () => {
    const scene = await start();
    scene.server.mangle = (text) => {
      const stolen = text.replace(/SIP-ETag: .*\r\n/, "SIP-ETag: bob.9\r\n");
      return [
        stolen.replace(/branch=[^;\r]+/, "branch=z9hG4bKother"),
        stolen.replace("CSeq: 1 PUBLISH", "CSeq: 2 PUBLISH"),
        stolen.replace("CSeq: 1 PUBLISH", "CSeq: 1 SUBSCRIBE"),
        stolen.replace(/Call-ID: .*\r\n/, "Call-ID: other\r\n"),
        stolen.replace(/(From: .*tag=)[^;\r]+/, "$1other"),
        stolen.replace("200 OK", "nonsense"),
        text,
      ];
    };
    const publisher = await scene.begin();
    expect(await publisher.publish(publicationOf("alice"), scene.signal.signal)).toEqual({ tag: "alice.1" });
    expect(publisher.describe?.().find(([name]) => name === "messages dropped")?.[1]).toBe("6");
  });

  it("reads an answer that comes in single bytes", async () => {
    const scene = await start();
    scene.server.mangle = (text) => [...text];
    const publisher = await scene.begin();
    expect(await publish(scene, publisher)).toBe("ok");
    expect(await publish(scene, publisher, "alice", FREE)).toBe("ok");
  });

  it("reconnects after a stream that is no SIP, and publishes again", async () => {
    const scene = await start();
    scene.server.script = (_, count) =>
      count === 1 ? { raw: ["HTTP/1.1 400\r\nContent-Length: -1\r\n\r\n"] } : undefined;
    const publisher = await scene.begin();
    expect(await publish(scene, publisher)).toBe("sip-unreachable");
    await scene.passUntil(() => scene.server.shown(ALICE).length === 1);
    expect(scene.server.connections).toBe(2);
  });

  it("sends lost datagrams again until they are answered", async () => {
    const scene = await start({ transport: "udp" });
    let lost = 0;
    scene.server.mangle = (text) => (++lost % 3 === 0 ? [text] : []);
    const publisher = await scene.begin();
    const publishing = Promise.all(users(10).map((user) => publish(scene, publisher, user)));
    let results: readonly string[] = [];
    void publishing.then((all) => {
      results = all;
    });
    await scene.passUntil(() => results.length > 0, 500);
    expect(results).toEqual(users(10).map(() => "ok"));
    expect(scene.server.wrongTags).toBe(0);
  });

  it("survives a UDP server that is not there, and publishes when it is back", async () => {
    const scene = await start({ transport: "udp" });
    const publisher = await scene.begin();
    await scene.server.stop();
    const publishing = publish(scene, publisher);
    expect(await publishing).toBe("sip-unreachable");
    await scene.server.listen();
    await scene.passUntil(() => scene.server.shown(ALICE).length === 1);
  });

  it("gives up a server that takes everything and answers nothing", async () => {
    const scene = await start();
    const publisher = await scene.begin();
    scene.server.isHanging = true;
    const codes: string[] = [];
    for (const user of users(4)) void publish(scene, publisher, user).then((code) => codes.push(code));
    await scene.passUntil(() => codes.length === 4, 1000);
    expect(codes).toEqual(["sip-timeout", "sip-timeout", "sip-timeout", "sip-timeout"]);
    scene.server.isHanging = false;
    await scene.passUntil(() => scene.server.publications.size === 4);
    expect(scene.server.connections).toBeGreaterThan(1);
  });

  it("loses nothing when the server goes away in the middle and comes back without memory", async () => {
    const scene = await start({}, { max_per_second: 5000 });
    const publisher = await scene.begin();
    const all = users(600);
    const publishing = all.map((user) => publish(scene, publisher, user));
    await scene.passUntil(() => scene.server.seen.length > 250, 20);
    await scene.server.restartEmpty();
    await scene.passUntil(() => all.every((user) => scene.server.shown(aorOf(user)).length === 1), 100);
    await Promise.all(publishing);
    // Time enough for everything that might come twice.
    for (let minute = 0; minute < 10; minute++) await scene.runtime.clock.advance(seconds(6));
    expect(all.filter((user) => scene.server.shown(aorOf(user)).length !== 1)).toEqual([]);
    expect(scene.server.mostAtOnce).toBe(1);
    expect(scene.server.wrongTags).toBe(0);
  });

  it("finds out soon after a reconnect that a quiet server has lost its memory", async () => {
    const scene = await start();
    const publisher = await scene.begin();
    for (const user of users(30)) await publish(scene, publisher, user, FREE);
    await scene.server.restartEmpty();
    await scene.passUntil(() => scene.server.publications.size === 30);
    expect(scene.runtime.events.filter(({ event }) => event === "sip.server-memory-lost")).toHaveLength(1);
  });

  it("leaves the publications of a server that kept its memory alone, but for a few", async () => {
    const scene = await start();
    const publisher = await scene.begin();
    for (const user of users(30)) await publish(scene, publisher, user, FREE);
    await scene.server.stop();
    await scene.server.listen();
    await scene.passUntil(() => scene.server.connections === 2 && scene.server.seen.length === 33);
    await scene.runtime.clock.advance(seconds(10));
    expect(scene.server.seen).toHaveLength(33);
  });

  it("refreshes with the document, each user at another time, and keeps one publication of each", async () => {
    const scene = await start();
    scene.server.granted = 600;
    const publisher = await scene.begin();
    for (const user of users(20)) await publish(scene, publisher, user, FREE);
    const at: number[] = [];
    scene.server.script = ({ body, etag }) => {
      expect(body).toContain("<presence");
      expect(etag).toBeDefined();
      at.push(scene.runtime.clock.now());
      return undefined;
    };
    const began = scene.runtime.clock.now();
    await scene.passUntil(() => at.length >= 20, 1000);
    expect(Math.min(...at) - began).toBeGreaterThanOrEqual(300_000);
    expect(Math.max(...at) - began).toBeLessThanOrEqual(560_000);
    expect(new Set(at).size).toBeGreaterThan(10);
    expect(users(20).every((user) => scene.server.shown(aorOf(user)).length === 1)).toBe(true);
  });

  it("modifies after a restart, with the entity tags of before, and refreshes what nobody changes", async () => {
    const scene = await start();
    const first = await scene.begin();
    await publish(scene, first, "alice", FREE);
    await publish(scene, first, "bob", FREE);
    const epoch = first.epoch();
    await first.stop();
    const second = await scene.begin();
    expect(second.epoch()).toBe(epoch);
    // A new connection asks whether the server has them still.
    await untilTrue(() => scene.server.seen.length === 4);
    expect(await publish(scene, second, "alice", MEETING)).toBe("ok");
    expect(scene.server.seen.slice(2).every(({ etag }) => etag !== undefined)).toBe(true);
    const seen = scene.server.seen.length;
    await scene.passUntil(() => scene.server.seen.slice(seen).some(({ aor }) => aor === aorOf("bob")), 60_000);
    expect(scene.server.shown(ALICE)).toHaveLength(1);
    expect(scene.server.shown(aorOf("bob"))).toHaveLength(1);
  });

  it("forgets the entity tags of another server", async () => {
    const scene = await start();
    const first = await scene.begin();
    await publish(scene, first, "alice", FREE);
    const epoch = first.epoch();
    await first.stop();
    const second = await scene.begin({ server: `localhost:${scene.server.port}` });
    expect(second.epoch()).not.toBe(epoch);
    await publish(scene, second, "alice", FREE);
    expect(scene.server.seen.at(-1)?.etag).toBeUndefined();
  });

  it("waits at a stop for answers under way, for half a second at most", async () => {
    const scene = await start();
    const publisher = await scene.begin();
    scene.server.isHanging = true;
    const publishing = publish(scene, publisher);
    await untilTrue(() => scene.server.seen.length === 1);
    let isStopped = false;
    const stopping = publisher.stop().then(() => {
      isStopped = true;
    });
    await scene.runtime.clock.advance(400);
    expect(isStopped).toBe(false);
    await scene.runtime.clock.advance(200);
    await stopping;
    expect(await publishing).toBe("publish-sip-not-running");
  });

  it("never publishes faster than it may, changes before refreshes", async () => {
    const scene = await start({}, { max_per_second: 20, window: 5 });
    const publisher = await scene.begin();
    const publishing = users(100).map((user) => publish(scene, publisher, user, FREE));
    await scene.runtime.clock.advance(seconds(1));
    await untilTrue(() => scene.server.seen.length > 0);
    expect(scene.server.seen.length).toBeLessThanOrEqual(26);
    await scene.passUntil(() => scene.server.publications.size === 100);
    await Promise.all(publishing);
    expect(scene.server.seen).toHaveLength(100);
  });

  it.each([
    ["half a surrogate pair", "a\ud83d"],
    ["line breaks", "a\r\nX-Evil: yes\r\n\r\n"],
    ["the end of a CDATA section", "a]]></note><evil/>"],
    ["control characters", "a\0\u0007"],
  ])("publishes a note with %s", async (_, note) => {
    const scene = await start();
    const publisher = await scene.begin();
    expect(await publish(scene, publisher, "alice", { ...FREE, show: "away", note: { "": note } })).toBe("ok");
    expect(scene.server.shown(ALICE)[0]).toMatch(/<\/presence>\s*$/);
    expect(scene.server.shown(ALICE)[0]).not.toContain("<evil/>");
    expect(scene.server.seen[0]?.message.headers.map(([name]) => name)).not.toContain("X-Evil");
  });

  it("lets a state end that nobody ended", async () => {
    const scene = await start();
    const publisher = await scene.begin();
    await publish(scene, publisher, "alice", MEETING);
    for (let count = 0; count < 12; count++) await scene.runtime.clock.advance(minutes(10));
    expect(scene.runtime.clock.now()).toBeGreaterThan((MEETING.until ?? 0) + hours(1) - 1);
    const prolonged = scene.server.seen.length;
    await scene.runtime.clock.advance(hours(1));
    expect(scene.server.seen).toHaveLength(prolonged);
  });
});

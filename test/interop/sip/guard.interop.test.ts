import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { startKamailio, whatKamailioLacks } from "../../lab/kamailio.ts";
import type { KamailioSetup } from "../../lab/kamailio-config.ts";
import { openSipClient, type SipClient, type SipClientOptions } from "../../lab/sip-client.ts";
import { pidf } from "./pidf.ts";

const lack = whatKamailioLacks();
if (lack) console.warn(`Skipped: ${lack}`);

const ALICE = "sip:alice@example.test";
const RPID = "urn:ietf:params:xml:ns:pidf:rpid";

/** A Kamailio, and clients of it that end with it. */
async function stage(setup: Omit<KamailioSetup, "domain"> = {}) {
  const server = await startKamailio({ domain: "example.test", ...setup });
  const clients: SipClient[] = [];
  return {
    server,
    connect: async (options: Partial<SipClientOptions> = {}): Promise<SipClient> => {
      const client = await openSipClient({ port: server.clientPort, ...options });
      clients.push(client);
      return client;
    },
    end: async () => {
      for (const client of clients) client.close();
      await server.stop();
    },
  };
}

const CLAIMS: Readonly<Record<string, string>> = {
  "as everybody writes it": pidf({ activities: "<rpid:meeting/>" }),
  "with another prefix": pidf({ activities: `<a:meeting xmlns:a="${RPID}"></a:meeting>` }),
  "without a prefix": pidf({ activities: `<meeting xmlns="${RPID}"/>` }),
  "with a new line in the tag": pidf({ activities: "<rpid:meeting\n/>" }),
  "with a comment inside": pidf({ activities: "<rpid:meeting><!-- x --></rpid:meeting>" }),
  "with a > in an attribute": pidf({ activities: '<rpid:meeting a=">"/>' }),
  "with CDATA inside": pidf({ activities: "<rpid:meeting><![CDATA[x]]></rpid:meeting>" }),
  "in a namespace that is not RPID, but looks so": pidf({ activities: '<rpid:meeting xmlns:rpid="urn:other"/>' }),
  "in capitals": pidf({ activities: "<rpid:Meeting/>" }),
  "beside other activities": pidf({ activities: "<rpid:away/><rpid:meeting/>" }),
  "in a note of the tuple": pidf({ note: "In a meeting" }),
  "in a note of the person": pidf({ personNote: "in a MEETING!" }),
  "in a note with CDATA": pidf({ note: "<![CDATA[In a]]> meeting" }),
  "in a note with character references": pidf({ note: "&#73;n a mee&#x74;ing" }),
  "in a note with letters that look alike": pidf({ note: "Іn а mеetıng" }),
  "in a note with accents put on": pidf({ note: "I\u0301n a méeting" }),
  "in another activity": pidf({ activities: "<rpid:other>In a meeting</rpid:other>" }),
  "with a thousand elements around": pidf({ activities: `${"<x>".repeat(200)}<rpid:meeting/>${"</x>".repeat(200)}` }),
};

const UNREADABLE: Readonly<Record<string, readonly [status: number, publication: object]>> = {
  "by a patch": [415, { body: "<p:pidf-diff xmlns:p='urn:x'/>", contentType: "application/pidf-diff+xml" }],
  "in a multipart": [
    415,
    {
      body: `--b\r\nContent-Type: application/pidf+xml\r\n\r\n${pidf({ activities: "<rpid:meeting/>" })}\r\n--b--`,
      contentType: 'multipart/related;type="application/pidf+xml";boundary=b',
    },
  ],
  "under another content type": [415, { body: pidf({ activities: "<rpid:meeting/>" }), contentType: "text/xml" }],
  compressed: [415, { body: gzipSync(pidf({ activities: "<rpid:meeting/>" })), headers: ["Content-Encoding: gzip"] }],
  "compressed, in the compact form": [
    415,
    { body: gzipSync(pidf({ activities: "<rpid:meeting/>" })), headers: ["e: gzip"] },
  ],
  "in UTF-16": [400, { body: Buffer.from(`\ufeff${pidf({ activities: "<rpid:meeting/>" })}`, "utf16le") }],
  "in UTF-7": [400, { body: pidf({ activities: "<rpid:meeting/>" }).replace("UTF-8", "UTF-7") }],
  "by an entity": [
    400,
    {
      body: pidf({ activities: "&m;" }).replace("?>", '?><!DOCTYPE presence [<!ENTITY m "<rpid:meeting/>">]>'),
    },
  ],
  "in XML that does not end": [400, { body: pidf({ activities: "<rpid:meeting/>" }).slice(0, -12) }],
  "without an entity": [400, { body: pidf({ activities: "<rpid:meeting/>" }).replace(/ entity="[^"]*"/, "") }],
  "behind very much": [413, { body: pidf({ activities: `<!--${"x".repeat(17_000)}--><rpid:meeting/>` }) }],
};

describe.skipIf(lack !== undefined)("the guard of a real Kamailio", () => {
  let kamailio: Awaited<ReturnType<typeof stage>>;
  let phone: SipClient;
  let gateway: SipClient;
  beforeAll(async () => {
    kamailio = await stage();
    phone = await kamailio.connect();
    gateway = await kamailio.connect({ port: kamailio.server.gatewayPort });
  });
  afterAll(() => kamailio.end());

  it.each(Object.entries(CLAIMS))("[R1] refuses a phone's meeting %s, and takes the gateway's", async (_, body) => {
    const refused = await phone.publish({ aor: ALICE, body });
    expect(refused.startLine).toBe("SIP/2.0 403 Meeting comes from the calendar gateway only");
    expect(await gateway.publish({ aor: ALICE, body, expires: 5 })).toMatchObject({ status: 200 });
  });

  it.each(Object.values(TEXT_CATALOGUE).map((texts) => texts["in-a-meeting"]))(
    "[R1] refuses the note %s, also in capitals and decomposed",
    async (note) => {
      for (const text of [note, ` ${note.toUpperCase()}…`, note.normalize("NFD")]) {
        const refused = await phone.publish({ aor: ALICE, body: pidf({ personNote: text }) });
        expect([refused.status, text]).toEqual([403, text]);
      }
    },
  );

  it.each(Object.entries(UNREADABLE))("refuses what a phone publishes %s", async (_, [status, publication]) => {
    expect(await phone.publish({ aor: ALICE, ...publication })).toMatchObject({ status });
  });

  it("cannot be passed by names of headers, From, or a second header", async () => {
    const body = pidf({ activities: "<rpid:meeting/>" });
    const liar = await kamailio.connect({ from: "sip:gateway@example.test" });
    expect(await liar.publish({ aor: ALICE, body })).toMatchObject({ status: 403 });
    for (const contentType of ["APPLICATION/PIDF+XML", 'application/pidf+xml;charset="utf-8"'])
      expect(await phone.publish({ aor: ALICE, body, contentType })).toMatchObject({ status: 403 });
    for (const event of ["Presence", "presence;id=1", "presence.x"])
      expect((await phone.publish({ aor: ALICE, body, event })).status).toBeGreaterThanOrEqual(400);
    const headers = ['Authorization: Digest username="gateway"', "P-Asserted-Identity: <sip:gateway@example.test>"];
    expect(await phone.publish({ aor: ALICE, body, headers })).toMatchObject({ status: 403 });
  });

  it("looks at the same event package as the server where two are named", async () => {
    const aor = "sip:carol@example.test";
    const watcher = await (await kamailio.connect()).watch(aor);
    const body = pidf({ entity: aor, activities: "<rpid:meeting/>" });
    for (const [event, other] of [
      ["dialog", "Event: presence"],
      ["dialog", "o: presence"],
      ["presence", "Event: dialog"],
      ["presence", "o: dialog"],
    ] as const) {
      await phone.publish({ aor, body, event, headers: [other] });
      await phone.publish({ aor, body, eventHeader: "o", event, headers: [other] });
    }
    await gateway.publish({ aor, body: pidf({ entity: aor, id: "gw", note: "the last word" }) });
    await watcher.waitFor((document) => document.includes("the last word"), "as the gateway says");
    expect(watcher.documents.join()).not.toContain("meeting");
  });

  it("takes documents with a byte order mark, and without a declaration", async () => {
    expect(await phone.publish({ aor: ALICE, body: `\ufeff${pidf({})}` })).toMatchObject({ status: 200 });
    expect(await phone.publish({ aor: ALICE, body: pidf({}).replace(/^<\?.*?\?>/, "\n") })).toMatchObject({
      status: 200,
    });
    const claim = `\ufeff${pidf({ activities: "<rpid:meeting/>" })}`;
    expect(await phone.publish({ aor: ALICE, body: claim })).toMatchObject({ status: 403 });
  });

  it("lets phones say everything else, refresh it and take it back", async () => {
    const ordinary = [
      pidf({}),
      pidf({ activities: "<rpid:on-the-phone/>", note: "In a meeting until two" }),
      pidf({ personNote: "Meeting room 4" }),
      pidf({ activities: "<rpid:busy/>", note: "会議" }),
    ];
    for (const body of ordinary) expect(await phone.publish({ aor: ALICE, body })).toMatchObject({ status: 200 });
    const first = await phone.publish({ aor: ALICE, body: pidf({}) });
    const etag = first.header("sip-etag") ?? "";
    const second = await phone.publish({ aor: ALICE, body: pidf({}), etag });
    expect(second).toMatchObject({ status: 200 });
    expect(await phone.publish({ aor: ALICE, etag: second.header("sip-etag") ?? "", expires: 0 })).toMatchObject({
      status: 200,
    });
  });

  it("leaves the state of dialogs alone", async () => {
    const body = `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="${ALICE}"/>`;
    const contentType = "application/dialog-info+xml";
    expect(await phone.publish({ aor: ALICE, body, contentType, event: "dialog" })).toMatchObject({ status: 200 });
  });

  it("[R1] shows watchers the gateway's meeting and never a phone's", async () => {
    const aor = "sip:bob@example.test";
    const watcher = await (await kamailio.connect()).watch(aor);
    await phone.publish({ aor, body: pidf({ entity: aor, activities: "<rpid:meeting/>" }) });
    await phone.publish({ aor, body: pidf({ entity: aor, activities: "<rpid:away/>" }) });
    await watcher.waitFor((document) => document.includes("away"), "away");
    expect(watcher.documents.join()).not.toContain("meeting");
    await gateway.publish({ aor, body: pidf({ entity: aor, id: "gw", activities: "<rpid:meeting/>" }) });
    await watcher.waitFor((document) => document.includes("meeting"), "in a meeting");
    watcher.end();
  });

  it("does not fall over what is made to break it", async () => {
    const nested = (depth: number) => `${"<rpid:meeting>".repeat(depth)}${"</rpid:meeting>".repeat(depth)}`;
    const deep = await phone.publish({ aor: ALICE, body: pidf({ activities: nested(200) }) });
    expect(deep).toMatchObject({ status: 403 });
    const deeper = await phone.publish({ aor: ALICE, body: pidf({ activities: nested(500) }) });
    expect(deeper).toMatchObject({ status: 400 });
    const wide = pidf({ activities: "<rpid:meeting/>".repeat(900) });
    expect(await phone.publish({ aor: ALICE, body: wide })).toMatchObject({ status: 403 });
    const long = pidf({ entity: `sip:${"é".repeat(8000)}@example.test`, activities: "<rpid:meeting/>" });
    expect((await phone.publish({ aor: ALICE, body: long })).status).toBeGreaterThanOrEqual(400);
    expect(await phone.publish({ aor: ALICE, body: pidf({}) })).toMatchObject({ status: 200 });
    expect(kamailio.server.log()).not.toMatch(/CRITICAL|core dump|signal 11/);
  });
});

describe.skipIf(lack !== undefined)("the guard that takes claims out", () => {
  let kamailio: Awaited<ReturnType<typeof stage>>;
  beforeAll(async () => {
    kamailio = await stage({ isStripping: true });
  });
  afterAll(() => kamailio.end());

  it("removes the meeting and leaves the rest", async () => {
    const phone = await kamailio.connect();
    const watcher = await (await kamailio.connect()).watch(ALICE);
    for (const meeting of ["<rpid:meeting/>", `<a:meeting xmlns:a="${RPID}"></a:meeting>`, "<rpid:meeting\n/>"]) {
      const body = pidf({ activities: `<rpid:away/>${meeting}` });
      expect(await phone.publish({ aor: ALICE, body })).toMatchObject({ status: 200 });
      await watcher.waitFor((document) => document.includes("away"), "away");
    }
    expect(watcher.documents.join()).not.toContain("meeting");
  });

  it("refuses what it cannot take out for certain", async () => {
    const phone = await kamailio.connect();
    const names = ["with a comment inside", "with a > in an attribute", "with CDATA inside", "in a note of the tuple"];
    for (const name of names)
      expect([name, (await phone.publish({ aor: ALICE, body: CLAIMS[name] ?? "" })).status]).toEqual([name, 403]);
  });
});

describe.skipIf(lack !== undefined)("the guard that knows the gateway by its login", () => {
  const login = { user: "gateway", password: "right-horse" };
  let kamailio: Awaited<ReturnType<typeof stage>>;
  beforeAll(async () => {
    kamailio = await stage({ trust: "user", login });
  });
  afterAll(() => kamailio.end());

  it("takes a meeting from whoever can log in, and from nobody else", async () => {
    const body = pidf({ activities: "<rpid:meeting/>" });
    const publication = { aor: ALICE, body };
    const attempt = async (options: Partial<SipClientOptions>): Promise<number> =>
      (await (await kamailio.connect(options)).publish(publication)).status;
    expect(await attempt({ login })).toBe(200);
    expect(await attempt({ login: { ...login, password: "wrong" } })).toBe(401);
    expect(await attempt({ login: { user: "alice", password: login.password } })).toBe(403);
    expect(await attempt({})).toBe(401);
    expect(await attempt({ port: kamailio.server.gatewayPort })).toBe(401);
  });
});

describe.skipIf(lack !== undefined)("the guard that was not told who the gateway is", () => {
  it("refuses every meeting", async () => {
    const kamailio = await stage({ trust: "nobody" });
    const client = await kamailio.connect({ port: kamailio.server.gatewayPort });
    const body = pidf({ activities: "<rpid:meeting/>" });
    expect(await client.publish({ aor: ALICE, body })).toMatchObject({ status: 403 });
    await kamailio.end();
  });
});

import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toGatewayError } from "../../../src/ports/errors.ts";
import { bound, doneWith, entryOf, type LdapQuestion, ScriptedLdapServer } from "../../doubles/scripted-ldap-server.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createLdapSource } from "../../lab/ldap-scene.ts";

const { signal } = new AbortController();
const person = (id: number, name: string): Buffer =>
  entryOf(id, `uid=${name}`, { entryUUID: name, mail: `${name}@example.com`, modifyTimestamp: "20261122100000Z" });

describe("a directory that does not keep to the rules", () => {
  const server = new ScriptedLdapServer();
  let port = 0;
  const escaped: unknown[] = [];
  const note = (error: unknown): void => void escaped.push(error);

  beforeAll(async () => {
    port = await server.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => process.on("uncaughtException", note));
  afterEach(() => {
    process.off("uncaughtException", note);
    expect(escaped.splice(0)).toEqual([]);
  });

  /** Logs in, then answers searches by the script. */
  const answering = (search: (question: LdapQuestion) => Buffer | "end"): void => {
    server.script = (question) => (question.kind === "bind" ? bound(question.id) : search(question));
  };
  const read = () => createLdapSource({ port }).read(undefined, signal);
  const codeOfReading = (): Promise<string> =>
    read().then(
      ({ entries }) => `${entries.size} people`,
      (error: unknown) => toGatewayError(error).code,
    );

  it("is understood when it does: two pages, the second the last", async () => {
    answering(({ id, count }) => Buffer.concat([person(id, `p${count}`), doneWith(id, count === 1 ? "next" : "")]));
    expect(await codeOfReading()).toBe("2 people");
  });

  it("has said nothing when it breaks off within a page, or between two", async () => {
    answering(({ id, count }) => (count === 1 ? Buffer.concat([person(id, "a"), doneWith(id, "next")]) : "end"));
    expect(await codeOfReading()).toBe("ldap-unreachable");
    const half = person(1, "a").subarray(0, 20);
    answering(({ count }) => (count === 1 ? half : "end"));
    const reading = codeOfReading();
    await new Promise((resolve) => setImmediate(resolve));
    server.script = () => "end";
    await server.stop();
    expect(await reading).toBe("ldap-unreachable");
    port = await server.start();
  });

  it("has not said all when a page without entries promises another", async () => {
    answering(({ id, count }) =>
      count === 1 ? Buffer.concat([person(id, "a"), doneWith(id, "next")]) : doneWith(id, "more"),
    );
    expect(await codeOfReading()).toBe("ldap-incomplete");
    answering(({ id, count }) =>
      count === 1 ? Buffer.concat([person(id, "a"), doneWith(id, "next")]) : doneWith(id, ""),
    );
    expect(await codeOfReading()).toBe("1 people");
  });

  it.each([
    [3, "ldap-limit"],
    [4, "ldap-limit"],
    [10, "ldap-referral"],
    [11, "ldap-limit"],
    [51, "ldap-unreachable"],
    [53, "ldap-refused"],
    [80, "ldap-refused"],
  ])("has not said all when it ends a page with result code %i", async (result, code) => {
    answering(({ id }) => Buffer.concat([person(id, "a"), doneWith(id, "", result)]));
    expect(await codeOfReading()).toBe(code);
  });

  it("is given up when it does not answer, at the login and later", async () => {
    const runtime = createTestRuntime();
    for (const isSilentAt of ["bind", "search"]) {
      let isAsked = false;
      server.script = ({ id, kind }) => {
        if (kind !== isSilentAt) return bound(id);
        isAsked = true;
        return Buffer.alloc(0);
      };
      const reading = createLdapSource({ port }, {}, runtime).read(undefined, signal);
      const refusal = expect(reading).rejects.toMatchObject({ code: "ldap-timeout" });
      while (!isAsked) await new Promise((resolve) => setImmediate(resolve));
      await runtime.clock.advance(61_000);
      await refusal;
    }
  });

  it("is given up when an answer has no end", async () => {
    const head = Buffer.from([0x30, 0x84, 0x10, 0, 0, 0]);
    answering(() => Buffer.concat([head, Buffer.alloc(17_000_000)]));
    expect(await codeOfReading()).toBe("ldap-incomplete");
  });

  it("hides nobody's key", async () => {
    answering(({ id }) => Buffer.concat([entryOf(id, "uid=a", { mail: "a@example.com" }), doneWith(id, "")]));
    expect(await codeOfReading()).toBe("ldap-forbidden");
  });

  /** How a reading comes out where time passes as soon as nothing else happens. */
  const outcomeOf = async (answer: (question: LdapQuestion) => Buffer): Promise<string> => {
    const runtime = createTestRuntime();
    let isSent = false;
    server.script = (question) => {
      isSent = true;
      return answer(question);
    };
    let outcome = "";
    const reading = createLdapSource({ port }, {}, runtime).read(undefined, signal);
    reading.then(
      () => {
        outcome = "read";
      },
      (error: unknown) => {
        outcome = toGatewayError(error).code;
      },
    );
    while (!isSent) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 20 && outcome === ""; turn++) await new Promise((resolve) => setImmediate(resolve));
    while (outcome === "") await runtime.clock.advance(61_000);
    return outcome;
  };

  it("may send any bytes: it is an error of the directory, and nothing else happens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.boolean(), async (bytes, isAtLogin) => {
        const answer = ({ id, kind }: LdapQuestion) => (kind === "bind" && !isAtLogin ? bound(id) : Buffer.from(bytes));
        expect(await outcomeOf(answer)).toMatch(/^ldap-/);
      }),
      { numRuns: 200 },
    );
  });

  it("may change any byte of what it should send: that is read, or an error of the directory", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(400), fc.nat(255), async (place, byte) => {
        const spoilt = ({ id, kind }: LdapQuestion): Buffer => {
          if (kind === "bind") return bound(id);
          const answer = Buffer.concat([person(id, "a"), person(id, "b"), doneWith(id, "")]);
          answer[place % answer.length] = byte;
          return answer;
        };
        expect(await outcomeOf(spoilt)).toMatch(/^(ldap-|read$)/);
      }),
      { numRuns: 300 },
    );
  });
});

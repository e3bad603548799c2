import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LoginError } from "../../../plugins/shared-microsoft/login-error.ts";
import { answerChallenge, type NtlmIdentity } from "../../../plugins/shared-microsoft/ntlm/answer-challenge.ts";
import { parseChallenge } from "../../../plugins/shared-microsoft/ntlm/challenge.ts";
import { digestMd4 } from "../../../plugins/shared-microsoft/ntlm/md4.ts";
import { encodeNegotiate } from "../../../plugins/shared-microsoft/ntlm/messages.ts";
import {
  deriveKeyV2,
  hashPassword,
  hmacMd5,
  respondV1,
  respondV1Extended,
  respondV2,
} from "../../../plugins/shared-microsoft/ntlm/responses.ts";
import { encodeTargetInfo, parseTargetInfo } from "../../../plugins/shared-microsoft/ntlm/target-info.ts";
import { instant } from "../../../src/lib/time.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ""), "hex");

describe("MD4 (RFC 1320 A.5)", () => {
  it.each([
    ["", "31d6cfe0d16ae931b73c59d7e0c089c0"],
    ["a", "bde52cb31de33e46245e05fbdbd6fb24"],
    ["abc", "a448017aaf21d8525fc10ae87aa6729d"],
    ["message digest", "d9130a8164549fe818874806e1c7014b"],
    ["abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"],
    ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"],
    ["1234567890".repeat(8), "e33b4ddc9c38f2199c3e7b164fcc0536"],
  ])("of %j", (text, digest) => {
    expect(digestMd4(Buffer.from(text)).toString("hex")).toBe(digest);
  });
});

// MS-NLMP 4.2.1
const USER = { user: "User", domain: "Domain", password: "Password" };
const SERVER_CHALLENGE = bytes("0123456789abcdef");
const CLIENT_CHALLENGE = bytes("aa".repeat(8));
// MS-NLMP 4.2.4: NetBIOS names of domain and computer.
const TARGET_INFO = bytes("02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000");

describe("the values of MS-NLMP", () => {
  it("4.2.2 NTLMv1", () => {
    expect(hashPassword(USER.password).toString("hex")).toBe("a4f49c406510bdcab6824ee7c30fd852");
    const { nt, lm, sessionKey } = respondV1(USER.password, SERVER_CHALLENGE);
    expect(nt.toString("hex")).toBe("67c43011f30298a2ad35ece64f16331c44bdbed927841f94");
    expect(lm).toEqual(nt);
    expect(sessionKey.toString("hex")).toBe("d87262b0cde4b1cb7499becccdf10784");
  });

  it("4.2.3 NTLMv1 with client challenge", () => {
    const { nt, lm } = respondV1Extended(USER.password, SERVER_CHALLENGE, CLIENT_CHALLENGE);
    expect(nt.toString("hex")).toBe("7537f803ae367128ca458204bde7caf81e97ed2683267232");
    expect(lm.toString("hex")).toBe(`${"aa".repeat(8)}${"00".repeat(16)}`);
  });

  it("4.2.4 NTLMv2", () => {
    const key = deriveKeyV2(USER.password, USER.user, USER.domain);
    expect(key.toString("hex")).toBe("0c868a403bfd7a93a3001ef22ef02e3f");
    const { nt, lm, sessionKey } = respondV2(key, {
      serverChallenge: SERVER_CHALLENGE,
      clientChallenge: CLIENT_CHALLENGE,
      timestamp: 0n,
      targetInfo: TARGET_INFO,
    });
    expect(nt.subarray(0, 16).toString("hex")).toBe("68cd0ab851e51c96aabc927bebef6a1c");
    expect(nt.subarray(16)).toEqual(
      Buffer.concat([bytes(`0101${"00".repeat(14)}${"aa".repeat(8)}00000000`), TARGET_INFO, Buffer.alloc(4)]),
    );
    expect(lm.toString("hex")).toBe("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
    expect(sessionKey.toString("hex")).toBe("8de40ccadbc14a82f15cb0ad0de95ca3");
  });

  it("4.2.4.3 the challenge message is read", () => {
    const challenge = parseChallenge(
      bytes(`4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000 2400240044000000
             060070170000000f 530065007200760065007200 ${TARGET_INFO.toString("hex")}`),
    );
    expect(challenge.serverChallenge).toEqual(SERVER_CHALLENGE);
    expect(encodeTargetInfo(challenge.pairs)).toEqual(TARGET_INFO);
    expect(challenge.timestamp).toBeUndefined();
  });
});

const UNICODE = 0x1;
const EXTENDED_SECURITY = 0x80000;
const TARGET_INFO_FLAG = 0x800000;

/** A CHALLENGE_MESSAGE with these flags and this target information. */
function challengeWith(flags: number, targetInfo: Buffer): Buffer {
  const head = Buffer.alloc(48);
  head.write("NTLMSSP\0\x02", "latin1");
  head.writeUInt32LE(flags, 20);
  head.set(SERVER_CHALLENGE, 24);
  head.writeUInt16LE(targetInfo.length, 40);
  head.writeUInt16LE(targetInfo.length, 42);
  head.writeUInt32LE(48, 44);
  return Buffer.concat([head, targetInfo]);
}

const timestamped = (ticks: bigint): Buffer => {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(ticks);
  return encodeTargetInfo([...parseTargetInfo(TARGET_INFO), { id: 7, value }]);
};

const IDENTITY: NtlmIdentity = {
  account: "Domain\\User",
  password: "Password",
  version: "v2",
  target: "HTTP/mail.example.com",
};
const MOMENT = { channelBinding: undefined, now: instant(0), clientChallenge: CLIENT_CHALLENGE };

const field = (message: Buffer, at: number): Buffer => {
  const from = message.readUInt32LE(at + 4);
  return message.subarray(from, from + message.readUInt16LE(at));
};
const pairsOf = (message: Buffer) =>
  new Map(parseTargetInfo(field(message, 20).subarray(44)).map(({ id, value }) => [id, value]));

describe("[A1] the answer to a challenge", () => {
  const negotiate = encodeNegotiate();
  const modern = parseChallenge(challengeWith(UNICODE | TARGET_INFO_FLAG, timestamped(42n)));

  it("says version, time of the server, that a MIC follows, the service's name and the channel binding", () => {
    const channelBinding = bytes("c5".repeat(16));
    const message = answerChallenge(IDENTITY, negotiate, modern, { ...MOMENT, channelBinding });
    expect(message.subarray(64, 72).toString("hex")).toBe("0a0000000000000f");
    expect(field(message, 20).readBigUInt64LE(24)).toBe(42n);
    const pairs = pairsOf(message);
    expect(pairs.get(6)?.readUInt32LE()).toBe(2);
    expect(pairs.get(9)?.toString("utf16le")).toBe("HTTP/mail.example.com");
    expect(pairs.get(10)).toEqual(channelBinding);
    expect([pairs.get(1), pairs.get(2), pairs.get(7)]).not.toContain(undefined);
    expect(field(message, 12)).toEqual(Buffer.alloc(24)); // with a timestamp the LMv2 response is not sent
  });

  it("carries a MIC over all three messages", () => {
    const message = answerChallenge(IDENTITY, negotiate, modern, MOMENT);
    const zeroed = Buffer.from(message).fill(0, 72, 88);
    const key = hmacMd5(deriveKeyV2("Password", "User", "Domain"), field(message, 20).subarray(0, 16));
    expect(message.subarray(72, 88)).toEqual(hmacMd5(key, negotiate, modern.bytes, zeroed));
  });

  it("has 16 zero bytes for the channel binding on a connection without TLS", () => {
    expect(pairsOf(answerChallenge(IDENTITY, negotiate, modern, MOMENT)).get(10)).toEqual(Buffer.alloc(16));
  });

  it("takes the client's own time and the LMv2 response, without MIC, for a server that tells no time", () => {
    const old = parseChallenge(challengeWith(UNICODE | TARGET_INFO_FLAG, TARGET_INFO));
    const message = answerChallenge(IDENTITY, negotiate, old, { ...MOMENT, now: instant(1000) });
    expect(field(message, 20).readBigUInt64LE(24)).toBe(116_444_736_010_000_000n);
    expect(field(message, 12).toString("hex")).toBe("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
    expect(pairsOf(message).get(6)?.readUInt32LE()).toBe(0);
  });

  it.each([
    ["EXAMPLE\\presence", "EXAMPLE", "presence"],
    ["presence@example.com", "", "presence@example.com"],
    ["presence", "", "presence"],
  ])("names the account %s as domain '%s' and user '%s', and no workstation", (account, domain, user) => {
    const message = answerChallenge({ ...IDENTITY, account }, negotiate, modern, MOMENT);
    expect(field(message, 28).toString("utf16le")).toBe(domain);
    expect(field(message, 36).toString("utf16le")).toBe(user);
    expect(field(message, 44)).toHaveLength(0);
  });

  it("has another client challenge each time", () => {
    const { clientChallenge: _, ...moment } = MOMENT;
    const [first, second] = [1, 2].map(() => answerChallenge(IDENTITY, negotiate, modern, moment));
    expect(first && field(first, 20)).not.toEqual(second && field(second, 20));
  });

  it("writes user names in capitals letter by letter, as Windows does", () => {
    expect(deriveKeyV2("pw", "groß", "D")).toEqual(deriveKeyV2("pw", "GROß", "D"));
    expect(deriveKeyV2("pw", "zoë", "D")).toEqual(deriveKeyV2("pw", "ZOË", "D"));
    expect(deriveKeyV2("pw", "zoë", "D")).not.toEqual(deriveKeyV2("pw", "zoë", "d"));
  });
});

describe("[A2] NTLMv1, where an option asks for it", () => {
  it.each([
    ["with", EXTENDED_SECURITY, "7537f803ae367128ca458204bde7caf81e97ed2683267232"],
    ["without", 0, "67c43011f30298a2ad35ece64f16331c44bdbed927841f94"],
  ])("is answered %s extended session security, as the server wants", (_how, flag, response) => {
    const challenge = parseChallenge(challengeWith(UNICODE | TARGET_INFO_FLAG | flag, timestamped(42n)));
    const message = answerChallenge({ ...IDENTITY, version: "v1" }, encodeNegotiate(), challenge, MOMENT);
    expect(field(message, 20).toString("hex")).toBe(response);
  });
});

describe("a challenge that is hostile", () => {
  const refused = expect.objectContaining({ failure: "bad-challenge" });
  const reading = (message: Buffer) => () => parseChallenge(message);

  it.each([
    ["empty", Buffer.alloc(0)],
    ["too short", challengeWith(UNICODE, TARGET_INFO).subarray(0, 31)],
    ["huge", Buffer.concat([challengeWith(UNICODE, TARGET_INFO), Buffer.alloc(20_000)])],
    ["of another type", Buffer.concat([encodeNegotiate(), Buffer.alloc(20)])],
    ["without Unicode", challengeWith(TARGET_INFO_FLAG, TARGET_INFO)],
    ["with target information outside", challengeWith(UNICODE | TARGET_INFO_FLAG, TARGET_INFO).subarray(0, 60)],
    ["with a list without end", challengeWith(UNICODE | TARGET_INFO_FLAG, TARGET_INFO.subarray(0, -4))],
    ["with too many pairs", challengeWith(UNICODE | TARGET_INFO_FLAG, Buffer.alloc(1000, "0c000000", "hex"))],
    [
      "with a short time",
      challengeWith(UNICODE | TARGET_INFO_FLAG, encodeTargetInfo([{ id: 7, value: Buffer.alloc(4) }])),
    ],
  ])("because it is %s is refused", (_what, message) => {
    expect(reading(message)).toThrow(refused);
  });

  it("never causes another error, whatever its bytes", () => {
    const noise = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    const nearly = fc
      .tuple(noise, fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { maxLength: 6 }))
      .map(([tail, changes]) => {
        const message = Buffer.concat([challengeWith(UNICODE | TARGET_INFO_FLAG, timestamped(1n)), tail]);
        for (const [at, value] of changes) message[at % message.length] = value;
        return message;
      });
    fc.assert(
      fc.property(fc.oneof(noise, nearly), (message) => {
        try {
          answerChallenge(IDENTITY, encodeNegotiate(), parseChallenge(message), MOMENT);
        } catch (error) {
          expect(error).toBeInstanceOf(LoginError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

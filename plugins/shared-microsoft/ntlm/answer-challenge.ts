import { randomBytes } from "node:crypto";
import type { Instant } from "../../../src/lib/time.ts";
import type { Challenge } from "./challenge.ts";
import { FLAGS } from "./flags.ts";
import { encodeAuthenticate } from "./messages.ts";
import { deriveKeyV2, type Responses, respondV1, respondV1Extended, respondV2, utf16 } from "./responses.ts";
import { AV_ID, type AvPair, encodeTargetInfo } from "./target-info.ts";

/** Who logs in, and how. */
export interface NtlmIdentity {
  /** `DOMAIN\user`, `user@domain` or `user`. */
  readonly account: string;
  readonly password: string;
  /** `v2` always, but for servers that an administrator says know nothing better. */
  readonly version: "v1" | "v2";
  /** Service principal name of the server: `HTTP/<host>`. */
  readonly target: string;
}

/** What belongs to one login. */
export interface LoginMoment {
  /** MD5 of the channel bindings; undefined on a connection without TLS. */
  readonly channelBinding: Buffer | undefined;
  /** The client's clock, for servers that do not tell theirs. */
  readonly now: Instant;
  /** 8 bytes; random unless a test gives them. */
  readonly clientChallenge?: Buffer;
}

/** The AUTHENTICATE_MESSAGE that answers the challenge to this NEGOTIATE_MESSAGE (MS-NLMP 3.1.5.1.2). */
export function answerChallenge(
  identity: NtlmIdentity,
  negotiate: Buffer,
  challenge: Challenge,
  moment: LoginMoment,
): Buffer {
  const { user, domain } = splitAccount(identity.account);
  const clientChallenge = moment.clientChallenge ?? randomBytes(8);
  // Servers that tell their time know the integrity code, and want no LMv2 response.
  const isModern = identity.version === "v2" && challenge.timestamp !== undefined;
  const responses =
    identity.version === "v1"
      ? respondWithVersion1(identity.password, challenge, clientChallenge)
      : respondV2(deriveKeyV2(identity.password, user, domain), {
          serverChallenge: challenge.serverChallenge,
          clientChallenge,
          // The server's own time: however wrong either clock is, they agree.
          timestamp: challenge.timestamp ?? toFileTime(moment.now),
          targetInfo: encodeTargetInfo(answeredPairs(challenge, identity.target, moment.channelBinding)),
        });
  return encodeAuthenticate(
    {
      user,
      domain,
      hasIntegrityCode: isModern,
      responses: isModern ? { ...responses, lm: Buffer.alloc(24) } : responses,
    },
    negotiate,
    challenge,
  );
}

/** `DOMAIN\user` has two parts; `user@domain` goes as it is, with an empty domain, and the directory finds its owner. */
function splitAccount(account: string): { readonly user: string; readonly domain: string } {
  const at = account.indexOf("\\");
  return at < 0 ? { user: account, domain: "" } : { user: account.slice(at + 1), domain: account.slice(0, at) };
}

function respondWithVersion1(password: string, challenge: Challenge, clientChallenge: Buffer): Responses {
  return challenge.flags & FLAGS.extendedSessionSecurity
    ? respondV1Extended(password, challenge.serverChallenge, clientChallenge)
    : respondV1(password, challenge.serverChallenge);
}

/** MIC provided (MS-NLMP 2.2.2.1, MsvAvFlags). */
const HAS_INTEGRITY_CODE = 2;

/** The server's pairs, and the client's: flags, target name, channel bindings (16 zero bytes when there are none). */
function answeredPairs(challenge: Challenge, target: string, channelBinding: Buffer | undefined): readonly AvPair[] {
  const replaced: readonly number[] = [AV_ID.flags, AV_ID.targetName, AV_ID.channelBindings];
  const given = challenge.pairs.find(({ id, value }) => id === AV_ID.flags && value.length === 4)?.value.readUInt32LE();
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(((given ?? 0) | (challenge.timestamp === undefined ? 0 : HAS_INTEGRITY_CODE)) >>> 0);
  return [
    ...challenge.pairs.filter(({ id }) => !replaced.includes(id)),
    { id: AV_ID.flags, value: flags },
    { id: AV_ID.targetName, value: utf16(target) },
    { id: AV_ID.channelBindings, value: channelBinding ?? Buffer.alloc(16) },
  ];
}

// 1601-01-01 to 1970-01-01 in milliseconds; FILETIME counts 100 ns.
const EPOCH = 11_644_473_600_000n;
const TICKS = 10_000n;

const toFileTime = (at: Instant): bigint => (BigInt(Math.trunc(at)) + EPOCH) * TICKS;

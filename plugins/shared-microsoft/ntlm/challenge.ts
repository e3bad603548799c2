import { LoginError } from "../login-error.ts";
import { FLAGS } from "./flags.ts";
import { AV_ID, type AvPair, parseTargetInfo } from "./target-info.ts";

/** The server's CHALLENGE_MESSAGE (MS-NLMP 2.2.1.2). */
export interface Challenge {
  /** The message as it came: the integrity code covers it. */
  readonly bytes: Buffer;
  readonly flags: number;
  /** 8 bytes. */
  readonly serverChallenge: Buffer;
  readonly pairs: readonly AvPair[];
  /** The server's clock as FILETIME (100 ns since 1601), when it tells. */
  readonly timestamp: bigint | undefined;
}

/** "NTLMSSP" and a zero byte: all messages begin so. */
export const SIGNATURE = Buffer.from("NTLMSSP\0", "latin1");

// A token is part of an HTTP header; Windows servers send about 300 bytes.
const MAX_BYTES = 12 * 1024;
const SHORTEST = 32;
const TARGET_INFO_FIELDS = 40;

/** Reads a CHALLENGE_MESSAGE. Throws LoginError `bad-challenge`. */
export function parseChallenge(bytes: Buffer): Challenge {
  if (bytes.length < SHORTEST || bytes.length > MAX_BYTES) throw malformed(`it has ${bytes.length} bytes`);
  if (!bytes.subarray(0, 8).equals(SIGNATURE) || bytes.readUInt32LE(8) !== 2)
    throw malformed("it is no NTLM challenge");
  const flags = bytes.readUInt32LE(20);
  // Only Unicode was offered: a server without it would not understand the answer.
  if (!(flags & FLAGS.unicode)) throw malformed("it does not allow Unicode");
  const pairs = flags & FLAGS.targetInfo ? parseTargetInfo(readField(bytes, TARGET_INFO_FIELDS)) : [];
  const timestamp = pairs.find(({ id }) => id === AV_ID.timestamp)?.value;
  if (timestamp && timestamp.length !== 8) throw malformed("its timestamp is malformed");
  return {
    bytes,
    flags,
    serverChallenge: bytes.subarray(24, 32),
    pairs,
    timestamp: timestamp?.readBigUInt64LE(),
  };
}

/** The payload that length (2 bytes), maximum length (2) and offset (4) at `at` point to. */
function readField(bytes: Buffer, at: number): Buffer {
  if (at + 8 > bytes.length) throw malformed("it is truncated");
  const length = bytes.readUInt16LE(at);
  const offset = bytes.readUInt32LE(at + 4);
  if (offset + length > bytes.length) throw malformed("it points outside itself");
  return bytes.subarray(offset, offset + length);
}

const malformed = (detail: string): LoginError => new LoginError("bad-challenge", detail);

import { createHash } from "node:crypto";
import { encodeTargetInfo, parseTargetInfo } from "../../../plugins/shared-microsoft/ntlm/target-info.ts";

const EPOCH = 11_644_473_600_000n;

/** FILETIME of milliseconds since 1970. */
const toTicks = (at: number): bigint => (BigInt(Math.trunc(at)) + EPOCH) * 10_000n;

/** What the server's CHALLENGE_MESSAGE says. */
export interface ChallengeContent {
  readonly serverChallenge: Buffer;
  /** NegotiateFlags of the client, of which all are granted. */
  readonly flags: number;
  /** Milliseconds since 1970; undefined leaves the time out. */
  readonly time: number | undefined;
}

/** CHALLENGE_MESSAGE (MS-NLMP 2.2.1.2) of the domain EXAMPLE and the computer MAIL. */
export function encodeChallenge({ serverChallenge, flags, time }: ChallengeContent): Buffer {
  const name = Buffer.from("EXAMPLE", "utf16le");
  const ticks = Buffer.alloc(8);
  if (time !== undefined) ticks.writeBigUInt64LE(toTicks(time));
  const targetInfo = encodeTargetInfo([
    { id: 2, value: name },
    { id: 1, value: Buffer.from("MAIL", "utf16le") },
    { id: 4, value: Buffer.from("example.com", "utf16le") },
    { id: 3, value: Buffer.from("mail.example.com", "utf16le") },
    ...(time === undefined ? [] : [{ id: 7, value: ticks }]),
  ]);
  const head = Buffer.alloc(56);
  head.write("NTLMSSP\0\x02", "latin1");
  writeField(head, 12, name.length, head.length);
  head.writeUInt32LE((flags | 0x0081_0000) >>> 0, 20); // target type domain, target information
  serverChallenge.copy(head, 24);
  writeField(head, 40, targetInfo.length, head.length + name.length);
  head.set([10, 0, 0x63, 0x45, 0, 0, 0, 15], 48);
  return Buffer.concat([head, name, targetInfo]);
}

function writeField(head: Buffer, at: number, length: number, offset: number): void {
  head.writeUInt16LE(length, at);
  head.writeUInt16LE(length, at + 2);
  head.writeUInt32LE(offset, at + 4);
}

/** A client's AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3), taken apart. */
export interface AuthenticateContent {
  readonly user: string;
  readonly domain: string;
  readonly workstation: string;
  readonly nt: Buffer;
  readonly lm: Buffer;
  readonly flags: number;
  readonly integrityCode: Buffer;
  /** The message with a zero integrity code. */
  readonly zeroed: Buffer;
}

/** Takes the message apart; throws RangeError for what is none. */
export function decodeAuthenticate(message: Buffer): AuthenticateContent {
  const field = (at: number): Buffer => {
    const from = message.readUInt32LE(at + 4);
    const to = from + message.readUInt16LE(at);
    if (to > message.length) throw new RangeError("a field points outside the message");
    return message.subarray(from, to);
  };
  return {
    lm: field(12),
    nt: field(20),
    domain: field(28).toString("utf16le"),
    user: field(36).toString("utf16le"),
    workstation: field(44).toString("utf16le"),
    flags: message.readUInt32LE(60),
    integrityCode: Buffer.from(message.subarray(72, 88)),
    zeroed: Buffer.from(message).fill(0, 72, 88),
  };
}

/** The client's part of an NTLMv2 response. */
export interface Blob {
  readonly bytes: Buffer;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly hasIntegrityCode: boolean;
  readonly target: string;
  readonly channelBinding: string;
}

/** NTLMv2_CLIENT_CHALLENGE (MS-NLMP 2.2.2.7). */
export function decodeBlob(nt: Buffer): Blob {
  const bytes = nt.subarray(16);
  const pairs = new Map(parseTargetInfo(bytes.subarray(28)).map(({ id, value }) => [id, value]));
  return {
    bytes,
    time: Number(bytes.readBigUInt64LE(8) / 10_000n - EPOCH),
    hasIntegrityCode: ((pairs.get(6)?.readUInt32LE() ?? 0) & 2) !== 0,
    target: pairs.get(9)?.toString("utf16le") ?? "",
    channelBinding: pairs.get(10)?.toString("hex") ?? "",
  };
}

/** MsvAvChannelBindings in hex for a certificate that is signed with SHA-256; zeros without one. */
export function channelBindingHex(certificate: Buffer | undefined): string {
  if (!certificate) return "00".repeat(16);
  const data = Buffer.concat([Buffer.from("tls-server-end-point:"), createHash("sha256").update(certificate).digest()]);
  const length = Buffer.from([data.length, 0, 0, 0]);
  return createHash("md5")
    .update(Buffer.concat([Buffer.alloc(16), length, data]))
    .digest("hex");
}

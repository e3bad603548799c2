import { createCipheriv, createHash, createHmac } from "node:crypto";
import { digestMd4 } from "./md4.ts";

/** What proves the password (MS-NLMP 3.3), and the session key that follows from it. */
export interface Responses {
  readonly nt: Buffer;
  readonly lm: Buffer;
  readonly sessionKey: Buffer;
}

/** HMAC-MD5 (RFC 2104) of the parts. */
export function hmacMd5(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  const hmac = createHmac("md5", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** Text as NTLM writes it. */
export const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le");

/** NTOWFv1 (MS-NLMP 3.3.1): what directories keep of the password. */
export const hashPassword = (password: string): Buffer => digestMd4(utf16(password));

/** NTOWFv2 (MS-NLMP 3.3.2); the domain is taken as it is, the user in capitals. */
export const deriveKeyV2 = (password: string, user: string, domain: string): Buffer =>
  hmacMd5(hashPassword(password), utf16(capitals(user) + domain));

/** Windows changes letter by letter: what would become two letters (ß) stays as it is. */
const capitals = (text: string): string =>
  [...text].map((letter) => (letter.toUpperCase().length === letter.length ? letter.toUpperCase() : letter)).join("");

/** What both sides and the clock contribute to an NTLMv2 response. */
export interface ResponseInput {
  readonly serverChallenge: Buffer;
  /** 8 random bytes. */
  readonly clientChallenge: Buffer;
  /** FILETIME. */
  readonly timestamp: bigint;
  /** Encoded attribute-value pairs. */
  readonly targetInfo: Buffer;
}

/** NTLMv2 and LMv2 responses (MS-NLMP 3.3.2). */
export function respondV2(key: Buffer, input: ResponseInput): Responses {
  const { serverChallenge, clientChallenge, timestamp, targetInfo } = input;
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE(timestamp);
  const head = Buffer.from([1, 1, 0, 0, 0, 0, 0, 0]);
  const temp = Buffer.concat([head, time, clientChallenge, Buffer.alloc(4), targetInfo, Buffer.alloc(4)]);
  const proof = hmacMd5(key, serverChallenge, temp);
  return {
    nt: Buffer.concat([proof, temp]),
    lm: Buffer.concat([hmacMd5(key, serverChallenge, clientChallenge), clientChallenge]),
    sessionKey: hmacMd5(key, proof),
  };
}

/** NTLMv1 response without the LM hash (MS-NLMP 3.3.1 with NoLMResponseNTLMv1): the NT response stands in both places. */
export function respondV1(password: string, serverChallenge: Buffer): Responses {
  const hash = hashPassword(password);
  const nt = encryptLong(hash, serverChallenge);
  return { nt, lm: nt, sessionKey: digestMd4(hash) };
}

/** NTLMv1 response with extended session security (MS-NLMP 3.3.1, "NTLM2 session response"). */
export function respondV1Extended(password: string, serverChallenge: Buffer, clientChallenge: Buffer): Responses {
  const hash = hashPassword(password);
  const both = createHash("md5").update(serverChallenge).update(clientChallenge).digest().subarray(0, 8);
  return {
    nt: encryptLong(hash, both),
    lm: Buffer.concat([clientChallenge, Buffer.alloc(16)]),
    sessionKey: digestMd4(hash),
  };
}

/** DESL (MS-NLMP 6): 8 bytes under three DES keys cut from 16 bytes. */
function encryptLong(key: Buffer, block: Buffer): Buffer {
  const long = Buffer.concat([key, Buffer.alloc(5)]);
  return Buffer.concat([0, 7, 14].map((from) => encryptDes(long.subarray(from, from + 7), block)));
}

function encryptDes(key: Buffer, block: Buffer): Buffer {
  const bits = BigInt(`0x${key.toString("hex")}`);
  // Seven bits and a parity bit, which nobody looks at, in each byte.
  const single = Buffer.from([49n, 42n, 35n, 28n, 21n, 14n, 7n, 0n].map((at) => Number((bits >> at) & 127n) << 1));
  // OpenSSL 3 keeps single DES in its legacy provider; triple DES with one key is the same.
  const cipher = createCipheriv("des-ede3-ecb", Buffer.concat([single, single, single]), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(block), cipher.final()]);
}

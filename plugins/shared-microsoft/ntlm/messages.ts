import { type Challenge, SIGNATURE } from "./challenge.ts";
import { FLAGS, OFFERED_FLAGS } from "./flags.ts";
import { hmacMd5, type Responses, utf16 } from "./responses.ts";

// VERSION (MS-NLMP 2.2.2.10): Windows 10.0 without a build number, NTLMSSP_REVISION_W2K3. For debugging only, says the
// document, yet gss-ntlmssp 1.2.0 refuses messages without it.
const VERSION = Buffer.from([10, 0, 0, 0, 0, 0, 0, 0x0f]);

/** NEGOTIATE_MESSAGE (MS-NLMP 2.2.1.1), 40 bytes: neither domain nor workstation is told. */
export function encodeNegotiate(): Buffer {
  const message = Buffer.alloc(40);
  message.set(SIGNATURE);
  message.writeUInt32LE(1, 8);
  message.writeInt32LE(OFFERED_FLAGS, 12);
  message.set(VERSION, 32);
  return message;
}

/** What the AUTHENTICATE_MESSAGE says. */
export interface Authentication {
  readonly user: string;
  readonly domain: string;
  readonly responses: Responses;
  readonly hasIntegrityCode: boolean;
}

const INTEGRITY_CODE = 72;

/** AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3), with MIC (3.1.5.1.2) over the three messages when asked for. */
export function encodeAuthenticate(authentication: Authentication, negotiate: Buffer, challenge: Challenge): Buffer {
  const { user, domain, responses, hasIntegrityCode } = authentication;
  const header = Buffer.alloc(hasIntegrityCode ? INTEGRITY_CODE + 16 : INTEGRITY_CODE);
  header.set(SIGNATURE);
  header.writeUInt32LE(3, 8);
  const nothing = Buffer.alloc(0);
  // In the order of their fields: workstation and session key stay empty.
  const payloads = [responses.lm, responses.nt, utf16(domain), utf16(user), nothing, nothing];
  let offset = header.length;
  for (const [index, payload] of payloads.entries()) {
    const at = 12 + index * 8;
    header.writeUInt16LE(payload.length, at);
    header.writeUInt16LE(payload.length, at + 2);
    header.writeUInt32LE(offset, at + 4);
    offset += payload.length;
  }
  header.writeInt32LE((challenge.flags & OFFERED_FLAGS) | FLAGS.unicode | FLAGS.ntlm, 60);
  header.set(VERSION, 64);
  const message = Buffer.concat([header, ...payloads]);
  // Without key exchange the exported session key is the session base key.
  if (hasIntegrityCode) {
    message.set(hmacMd5(responses.sessionKey, negotiate, challenge.bytes, message), INTEGRITY_CODE);
  }
  return message;
}

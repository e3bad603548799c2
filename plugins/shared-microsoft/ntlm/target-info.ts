import { LoginError } from "../login-error.ts";

/** Identifiers of attribute-value pairs (MS-NLMP 2.2.2.1). */
export const AV_ID = { end: 0, flags: 6, timestamp: 7, targetName: 9, channelBindings: 10 } as const;

/** One attribute-value pair of TargetInfo. */
export interface AvPair {
  readonly id: number;
  readonly value: Buffer;
}

// Windows sends six; each has an identifier of its own, of which eleven are defined.
const MAX_PAIRS = 64;

/** Reads the pairs up to MsvAvEOL; a list without an end is refused. Throws LoginError. */
export function parseTargetInfo(bytes: Buffer): readonly AvPair[] {
  const pairs: AvPair[] = [];
  for (let offset = 0; offset + 4 <= bytes.length && pairs.length < MAX_PAIRS; ) {
    const id = bytes.readUInt16LE(offset);
    const end = offset + 4 + bytes.readUInt16LE(offset + 2);
    if (id === AV_ID.end) return pairs;
    if (end > bytes.length) break;
    pairs.push({ id, value: bytes.subarray(offset + 4, end) });
    offset = end;
  }
  throw new LoginError("bad-challenge", "its TargetInfo is malformed");
}

/** Writes the pairs and MsvAvEOL. */
export function encodeTargetInfo(pairs: readonly AvPair[]): Buffer {
  const parts = [...pairs, { id: AV_ID.end, value: Buffer.alloc(0) }].flatMap(({ id, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(id, 0);
    head.writeUInt16LE(value.length, 2);
    return [head, value];
  });
  return Buffer.concat(parts);
}

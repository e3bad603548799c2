const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

interface Round {
  readonly mix: (x: number, y: number, z: number) => number;
  readonly add: number;
  readonly order: readonly number[];
  readonly shifts: readonly [number, number, number, number];
}

// RFC 1320 3.4: the function, the constant, the order of the words and the rotations of each round.
const ROUNDS: readonly Round[] = [
  {
    mix: (x, y, z) => (x & y) | (~x & z),
    add: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    mix: (x, y, z) => (x & y) | (x & z) | (y & z),
    add: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    mix: (x, y, z) => x ^ y ^ z,
    add: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
];

/** MD4 (RFC 1320) of the bytes: 16 bytes. NTLM needs it, and OpenSSL 3 does not offer it any more. */
export function digestMd4(bytes: Uint8Array): Buffer {
  const padded = pad(bytes);
  let state: readonly number[] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let offset = 0; offset < padded.length; offset += 64) {
    const before = state;
    state = ROUNDS.reduce((now, round) => runRound(now, round, padded, offset), state).map(
      (word, index) => (word + (before[index] ?? 0)) | 0,
    );
  }
  const digest = Buffer.alloc(16);
  for (const [index, word] of state.entries()) digest.writeInt32LE(word | 0, index * 4);
  return digest;
}

/** A one bit, zeros, and the length in bits, up to whole blocks of 64 bytes (RFC 1320 3.1, 3.2). */
function pad(bytes: Uint8Array): Buffer {
  const padded = Buffer.alloc(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  padded.writeBigUInt64LE(BigInt(bytes.length) * 8n, padded.length - 8);
  return padded;
}

function runRound(
  [first = 0, second = 0, third = 0, fourth = 0]: readonly number[],
  { mix, add, order, shifts }: Round,
  block: Buffer,
  offset: number,
): readonly number[] {
  let [a, b, c, d] = [first, second, third, fourth];
  for (const [step, word] of order.entries()) {
    const sum = (a + mix(b, c, d) + block.readInt32LE(offset + word * 4) + add) | 0;
    [a, b, c, d] = [d, rotate(sum, shifts[step % 4] ?? 0), b, c];
  }
  return [a, b, c, d];
}

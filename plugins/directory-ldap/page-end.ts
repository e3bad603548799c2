/** RFC 2696: the control's OID as it stands in a message. */
const PAGED_RESULTS = Buffer.from("1.2.840.113556.1.4.319");
/** Behind it: criticality (optional), the octet string of a sequence of size and cookie; a length has at most 5 octets. */
const LONGEST_HEAD = 40;

/**
 * Whether the answer that ends with these bytes says that there is another page. The library takes a page without entries
 * for the last one, which it need not be: people on later pages would seem to have left.
 */
export function hasNextPage(tail: Buffer): boolean {
  const at = tail.lastIndexOf(PAGED_RESULTS);
  if (at < 0) return false;
  const head = tail.subarray(at + PAGED_RESULTS.length, at + PAGED_RESULTS.length + LONGEST_HEAD);
  let place = head[0] === 0x01 ? 3 : 0; // BOOLEAN
  for (const tag of [0x04, 0x30]) {
    if (head[place] !== tag) return false;
    place += 1 + lengthOctets(head, place + 1);
  }
  if (head[place] !== 0x02) return false;
  place += 2 + (head[place + 1] ?? 0);
  return head[place] === 0x04 && head[place + 1] !== 0;
}

/** How many octets tell the length (X.690 8.1.3). */
const lengthOctets = (bytes: Buffer, at: number): number => {
  const first = bytes[at] ?? 0;
  return first < 0x80 ? 1 : 1 + (first & 0x7f);
};

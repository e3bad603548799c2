/** One calendar server, as far as following on another goes. */
export interface SuccessionMember {
  readonly name: string;
  readonly pool: string;
  /** Name of the server or pool that follows on it. */
  readonly successor?: string | undefined;
  /** True when its successor has its mailboxes. */
  readonly isRetired: boolean;
}

const membersOf = <Member extends SuccessionMember>(gateway: string, members: readonly Member[]): readonly Member[] =>
  members.filter(({ name, pool }) => pool === gateway || name === gateway);

/** Which gateways follow on this one, nearest first, however many follow on each other; none twice, not itself. */
export function successionOf(gateway: string, members: readonly SuccessionMember[]): readonly string[] {
  const line = [gateway];
  for (const each of line) {
    for (const { successor } of membersOf(each, members))
      if (successor !== undefined && !line.includes(successor)) line.push(successor);
  }
  return line.slice(1);
}

/**
 * The servers that new mailboxes of the gateway are given: its own that are not retired; where all are, those of the
 * nearest successor that has some; its own again where nobody follows.
 */
export function servingMembers<Member extends SuccessionMember>(
  gateway: string,
  members: readonly Member[],
): readonly Member[] {
  for (const each of [gateway, ...successionOf(gateway, members)]) {
    const serving = membersOf(each, members).filter(({ isRetired }) => !isRetired);
    if (serving.length > 0) return serving;
  }
  return membersOf(gateway, members);
}

/** The servers that follow on the gateway's own and are not retired: a mailbox that went to one stays there. */
export const succeedingMembers = <Member extends SuccessionMember>(
  gateway: string,
  members: readonly Member[],
): readonly Member[] =>
  successionOf(gateway, members).flatMap((each) => membersOf(each, members).filter(({ isRetired }) => !isRetired));

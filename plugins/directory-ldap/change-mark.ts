import type { Entry } from "ldapts";
import { firstValue } from "./decode-entry.ts";
import type { LdapSession } from "./ldap-session.ts";

/** How the directory tells what has changed. */
export interface ChangeMarks {
  /** The attribute that grows with each change of an entry. */
  readonly attribute: "uSNChanged" | "modifyTimestamp";
  /** The mark for next time, if there can be one; to be asked before anything is read. */
  begin(session: Pick<LdapSession, "entry">): Promise<MarkMaker>;
}

/** Makes the mark while entries are read. */
interface MarkMaker {
  /** The filter for what has changed since the mark; undefined: only a full reading will do. */
  since(mark: string): string | undefined;
  see(entry: Entry): void;
  /** After the last entry. */
  end(before: string | undefined): string | undefined;
}

/** MS-ADTS 3.1.1.3.2.10, 3.1.1.3.2.18: update sequence numbers count on one domain controller only. */
export const USN_MARKS: ChangeMarks = {
  attribute: "uSNChanged",
  begin: async (session) => {
    const root = await session.entry("", ["highestCommittedUSN", "dsServiceName"]);
    const [usn = "", service] = [firstValue(root, "highestCommittedUSN"), firstValue(root, "dsServiceName")];
    const isKnown = /^\d{1,19}$/.test(usn) && service !== undefined;
    return {
      since: (mark) => {
        const [before = "", ...rest] = mark.split(" ");
        if (!isKnown || rest.join(" ") !== service || BigInt(before) > BigInt(usn)) return undefined;
        return `(uSNChanged>=${BigInt(before) + 1n})`;
      },
      see: () => undefined,
      end: () => (isKnown ? `${usn} ${service}` : undefined),
    };
  },
};

/** RFC 4512 3.4.1: seconds in UTC. What happened in the last of them is read twice rather than never. */
export const TIMESTAMP_MARKS: ChangeMarks = {
  attribute: "modifyTimestamp",
  begin: async () => {
    let latest = "";
    let isComplete = true;
    return {
      since: (mark) => `(modifyTimestamp>=${mark})`,
      see: (entry) => {
        const time = firstValue(entry, "modifyTimestamp") ?? "";
        if (!/^\d{14}Z$/.test(time)) isComplete = false;
        else if (time > latest) latest = time;
      },
      end: (before = "") => {
        const mark = latest > before ? latest : before;
        return isComplete && mark !== "" ? mark : undefined;
      },
    };
  },
};

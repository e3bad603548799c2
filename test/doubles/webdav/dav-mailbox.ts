import type { BusyInterval } from "../../../src/core/busy-time.ts";

/** One item of a calendar folder as SEARCH sees it. */
export interface DavItem {
  readonly start: number;
  readonly end: number;
  readonly busyStatus: string;
  /** 0 single, 1 master of a series, 2 occurrence, 3 exception. */
  readonly instanceType: 0 | 1 | 2 | 3;
}

/** How the server refuses what the account may not do. */
export type Refusal = 401 | 403 | 440;

/** A series of meetings, expanded as Exchange does it. */
export interface Series {
  readonly first: BusyInterval;
  readonly every: number;
  readonly count: number;
  /** Moves the occurrence of that number by so many milliseconds. */
  readonly exception?: { readonly number: number; readonly by: number };
}

const WORDS: Readonly<Record<BusyInterval["status"], string>> = {
  free: "FREE",
  tentative: "TENTATIVE",
  busy: "BUSY",
  oof: "OOF",
  workingElsewhere: "FREE",
  noData: "",
};

/** A mailbox with its calendar. */
export class DavMailbox {
  readonly smtp: string;
  /** The calendar folder's name, in the mailbox's language. */
  folder: string;
  /** False: PROPFIND of the mailbox does not have the property `calendar`. */
  tellsCalendar = true;
  /** How requests to the mailbox itself are refused, and those to its calendar. */
  readonly refusals: { root: Refusal | undefined; calendar: Refusal | undefined } = {
    root: undefined,
    calendar: undefined,
  };
  readonly items: DavItem[] = [];
  readonly #onChange: (mailbox: DavMailbox) => void;

  constructor(smtp: string, folder: string, onChange: (mailbox: DavMailbox) => void) {
    this.smtp = smtp;
    this.folder = folder;
    this.#onChange = onChange;
  }

  addMeeting({ start, end, status }: BusyInterval): void {
    this.items.push({ start, end, busyStatus: WORDS[status], instanceType: 0 });
    this.#onChange(this);
  }

  addSeries({ first, every, count, exception }: Series): void {
    const { start, end, status } = first;
    const busyStatus = WORDS[status];
    this.items.push({ start, end, busyStatus, instanceType: 1 });
    for (let number = 0; number < count; number++) {
      const isException = exception?.number === number;
      const shift = number * every + (isException ? exception.by : 0);
      const instanceType = isException ? 3 : 2;
      this.items.push({ start: start + shift, end: end + shift, busyStatus, instanceType });
    }
    this.#onChange(this);
  }

  clear(): void {
    this.items.length = 0;
    this.#onChange(this);
  }
}

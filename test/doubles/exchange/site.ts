import type { ExchangeClock } from "./clock.ts";
import { Mailbox, type MailboxChange, type MailboxOptions } from "./mailbox.ts";
import type { XmlElement } from "./request-xml.ts";
import { EwsFault } from "./soap.ts";
import type { ExchangeVersion, RequestVersion } from "./versions.ts";

/** Who may call: `mayImpersonate` is the ApplicationImpersonation role, `mailbox` the account's own mailbox. */
export interface Account {
  readonly user: string;
  readonly password: string;
  readonly mayImpersonate?: boolean;
  /** Addresses that its role assignment holds; absent, it holds everybody. */
  readonly scope?: readonly string[];
  readonly mailbox?: string;
  /** An application, which can do nothing but as somebody. */
  readonly isApplication?: boolean;
}

/** One authenticated and parsed request. */
export interface Call {
  readonly operation: string;
  readonly body: XmlElement;
  readonly requestVersion: RequestVersion;
  readonly account: Account;
  readonly impersonated: Mailbox | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/** The content of s:Body, and HTTP headers beside it. */
export interface Answer {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The organisation: its mailboxes, what is wrong with some of them, and its limits. */
export class Site {
  readonly version: ExchangeVersion;
  readonly clock: ExchangeClock;
  readonly availabilityOrder: "sorted" | "reversed";
  /** Longest window of GetUserAvailability in milliseconds. */
  readonly maximumWindow: number;
  /** Response codes that an availability answer has for a mailbox instead of data. */
  readonly availabilityErrors = new Map<string, string>();
  /** Response codes that every operation on a mailbox ends with while it is being moved. */
  readonly moves = new Map<string, string>();
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #onChange: (change: MailboxChange) => void;

  constructor(
    options: Pick<Site, "version" | "clock" | "availabilityOrder" | "maximumWindow">,
    onChange: (change: MailboxChange) => void,
  ) {
    this.version = options.version;
    this.clock = options.clock;
    this.availabilityOrder = options.availabilityOrder;
    this.maximumWindow = options.maximumWindow;
    this.#onChange = onChange;
  }

  /** Makes a mailbox; addresses are compared without regard to case. */
  addMailbox(smtp: string, options: MailboxOptions = {}): Mailbox {
    const mailbox = new Mailbox(smtp, options, this.#onChange);
    this.#mailboxes.set(smtp.toLowerCase(), mailbox);
    return mailbox;
  }

  /** The mailbox of that address, also while it is being moved. */
  findMailbox(smtp: string): Mailbox | undefined {
    return this.#mailboxes.get(smtp.toLowerCase());
  }

  /** All mailboxes. */
  get mailboxes(): Iterable<Mailbox> {
    return this.#mailboxes.values();
  }

  /** The mailbox an operation works on: the named one, else the impersonated one, else the account's own. */
  mailboxOf(call: Call, named: string | undefined): Mailbox {
    const address = named ?? call.impersonated?.smtp ?? call.account.mailbox;
    const mailbox = address === undefined ? undefined : this.findMailbox(address);
    if (mailbox === undefined) {
      throw new EwsFault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.");
    }
    const allowed = [call.impersonated, call.account.mailbox && this.findMailbox(call.account.mailbox)];
    if (!call.account.mayImpersonate && !allowed.includes(mailbox)) {
      throw new EwsFault("ErrorAccessDenied", "Access is denied. Check credentials and try again.");
    }
    const moving = this.moves.get(mailbox.smtp.toLowerCase());
    if (moving !== undefined) throw new EwsFault(moving, "Mailbox move in progress. Try again later.");
    return mailbox;
  }
}

import type { Mailbox } from "../../src/core/addresses.ts";
import { findCalendar, findFolder, folderPath, mailboxPath } from "./dav-requests.ts";
import type { Urgency, WebdavClient } from "./webdav-client.ts";
import { isWebdavError, webdavError } from "./webdav-errors.ts";

const LONGEST_PATH = 2048;

/** Knows which folder is a mailbox's calendar: its name is in the language that the mailbox was first opened in. */
export class CalendarFolders {
  readonly #client: WebdavClient;
  readonly #names: readonly string[];
  readonly #known = new Map<Mailbox, string>();

  /** @param name tried, before the English one, where the mailbox does not tell its calendar folder */
  constructor(client: WebdavClient, name: string | undefined) {
    this.#client = client;
    this.#names = name === undefined ? ["Calendar"] : [...new Set([name, "Calendar"])];
  }

  /** Does something with the folder's path; finds it first, and once more when it is not where it was. */
  async use<Result>(
    mailbox: Mailbox,
    task: (folder: string) => Promise<Result>,
    urgency: Urgency,
    signal: AbortSignal,
  ): Promise<Result> {
    const known = this.#known.get(mailbox);
    if (known !== undefined) {
      try {
        return await task(known);
      } catch (error) {
        if (!isWebdavError(error, "webdav-mailbox-not-found")) throw error;
        this.#known.delete(mailbox);
      }
    }
    const folder = await this.#find(mailbox, urgency, signal);
    const result = await task(folder);
    this.#known.set(mailbox, folder);
    return result;
  }

  /** The folder is to be found anew: it was moved or renamed, perhaps. */
  forget(mailbox: Mailbox): void {
    this.#known.delete(mailbox);
  }

  async #find(mailbox: Mailbox, urgency: Urgency, signal: AbortSignal): Promise<string> {
    const { url } = this.#client;
    try {
      const request = findCalendar(mailboxPath(url, mailbox));
      const { responses } = await this.#client.exchange(request, { mailbox, urgency }, signal);
      const found = responses[0]?.properties.get("calendar");
      if (found) return this.#pathOf(found, mailbox);
    } catch (error) {
      // An account may be allowed to read the calendar and nothing else.
      if (!isWebdavError(error, "webdav-no-access")) throw error;
    }
    return this.#tryNames(mailbox, urgency, signal);
  }

  async #tryNames(mailbox: Mailbox, urgency: Urgency, signal: AbortSignal): Promise<string> {
    for (const name of this.#names) {
      const folder = folderPath(this.#client.url, mailbox, name);
      const terms = { mailbox, takes: [404], urgency };
      const { status } = await this.#client.exchange(findFolder(folder), terms, signal);
      if (status !== 404) return folder;
    }
    const names = this.#names.join(" or ");
    throw webdavError("webdav-folder-not-found", `${mailbox} at ${this.#client.host}: no folder ${names}`);
  }

  /** Only the path is taken: the host is ours, whatever the server calls itself. */
  #pathOf(text: string, mailbox: Mailbox): string {
    const { url, host } = this.#client;
    const path = URL.canParse(text, url.href) ? new URL(text, url).pathname.replace(/\/+$/, "") : "";
    if (path !== "" && path.length <= LONGEST_PATH) return path;
    throw webdavError("webdav-bad-answer", `${mailbox} at ${host}: the calendar folder's address is not usable`);
  }
}

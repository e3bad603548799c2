import { isIP } from "node:net";
import { z } from "zod";
import { AddressError, type Mailbox, parseMailbox, parsePresentityId } from "../core/addresses.ts";
import { withoutBrackets } from "../lib/host.ts";
import { parseLanguageTag } from "../lib/language-tag.ts";

/** A schema of a text that `parse` reads; what `parse` throws as AddressError is the problem shown. */
const readBy = <Value>(parse: (text: string) => Value) =>
  z.string().transform((text, context): Value => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });

/** The bare JID of a user. */
export const presentityArgument = readBy((text) => {
  const jid = text.trim();
  const slash = jid.indexOf("/", jid.indexOf("@"));
  if (slash > 0) throw new AddressError(`this is the JID of one client; give ${JSON.stringify(jid.slice(0, slash))}`);
  if (!jid.includes("@")) throw new AddressError("the whole JID is needed, such as alice@example.com");
  return parsePresentityId(jid);
});

/** The SMTP address of a mailbox. */
export const mailboxArgument = readBy(parseMailbox);

/** A user to be tested: the SMTP address of the mailbox, or the security identifier (MS-DTYP 2.4.2.1). */
export const testedUserArgument = readBy((text): { readonly mailbox?: Mailbox; readonly sid?: string } => {
  const sid = text.trim().toUpperCase();
  return /^S-1-\d{1,15}(-\d{1,10}){1,15}$/.test(sid) ? { sid } : { mailbox: parseMailbox(text) };
});

const parseLocale = (text: string): string => {
  const tag = parseLanguageTag(text);
  if (tag !== undefined) return tag;
  throw new AddressError("this is not a language tag such as en, de-AT or zh-Hant");
};

/** A well-formed BCP 47 tag in canonical form; `_` is taken for `-`. */
export const localeArgument = readBy(parseLocale);

/** The same, or `auto`, which is no tag: the mailbox's. */
export const userLocaleArgument = readBy((text) => (text.trim().toLowerCase() === "auto" ? "auto" : parseLocale(text)));

/** What people name calendar servers, pools and directories by, so that it can be typed in a command; lower case. */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    "a name has 1 to 63 letters, digits, dots, hyphens and underscores, and begins with a letter or digit",
  );

/** The name of a calendar server, lower case. */
export const gatewayNameArgument = z.string().trim().toLowerCase().pipe(nameSchema);

/** A line of text for people. */
export const descriptionArgument = z
  .string()
  .trim()
  .max(200, "must be at most 200 characters")
  .regex(/^\P{Cc}*$/u, "must be one line")
  .describe("What tells the gateway apart for people; empty: nothing.");

/** A pool's name, or nothing: a pool of its own. */
export const poolArgument = z
  .union([z.literal(""), gatewayNameArgument])
  .describe("The pool whose users this server shares with others of the same pool; empty: it has its own.");

/** A server's share of its pool's users. */
export const weightArgument = z
  .string()
  .regex(/^([1-9]\d?|100)$/, "must be a whole number from 1 to 100")
  .transform(Number)
  .describe("How many of its pool's users the server gets against the others, 1 to 100; 1 where not given.");

/** The gateway or pool that follows on a gateway, or nothing. */
export const successorArgument = z
  .union([z.literal(""), gatewayNameArgument])
  .describe(
    "The gateway or pool that is given the mailboxes when the server says that its service is switched off, as EWS is in Office 365; empty: none.",
  );

/** Whether a gateway's successor has its mailboxes. */
export const retiredArgument = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(z.enum(["yes", "no"], "must be yes or no"))
  .transform((word) => word === "yes")
  .describe("yes: its successor has its mailboxes; no: it has them itself again.");

/** The beginning of a certificate's SHA-256, four hexadecimal digits or more, with or without colons. */
export const certificateArgument = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.replaceAll(":", ""))
  .pipe(z.string().regex(/^[0-9a-f]{4,64}$/, "must be the first digits of a SHA-256, as certificate list shows them"))
  .describe("The certificate's id, or more of its SHA-256.");

const HOST_PROBLEM = "must be a host name or an IP address, such as mail.example.com";

const parseHost = (text: string): string => {
  const host = withoutBrackets(text.trim().toLowerCase());
  if (isIP(host) !== 0 && !host.includes("%")) return host;
  if (host.length <= 253 && /^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/.test(host)) return host;
  throw new AddressError(HOST_PROBLEM);
};

/** A host name or IP address, lower case, without brackets. */
export const hostArgument = readBy(parseHost);

/** `host`, `host:port`, `[IPv6]:port` or the https URL of a server. */
export const serverArgument = readBy((text) => {
  const plain = text.trim();
  const url = plain.startsWith("https://") && URL.canParse(plain) ? new URL(plain) : undefined;
  if (url) return { host: parseHost(url.hostname), port: Number(url.port || 443) };
  const [, host = plain, port = "443"] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(plain) ?? [];
  if (Number(port) < 1 || Number(port) > 65_535) throw new AddressError("the port must be from 1 to 65535");
  return { host: parseHost(host), port: Number(port) };
});

/** `yes` or `no`. */
export const yesOrNoArgument = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(z.enum(["yes", "no"], "must be yes or no"))
  .transform((word) => word === "yes");

/** A whole number from 1 to `max`. */
export const countArgument = (max: number) =>
  z
    .string()
    .trim()
    .regex(/^\d{1,6}$/, `must be a whole number from 1 to ${max}`)
    .transform(Number)
    .refine((count) => count >= 1 && count <= max, `must be a whole number from 1 to ${max}`);

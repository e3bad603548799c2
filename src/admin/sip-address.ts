import { z } from "zod";
import { AddressError, type PresentityId, parseSipAor, type SipAor } from "../core/addresses.ts";
import type { User } from "../ports/registry.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";

/** What is wanted for a user's SIP address: another one, none, or the one there is put to rest or to work. */
export type WantedSip = SipAor | "none" | "off" | "on";

/** A SIP address of record, or what is to become of the one that the user has. */
export const sipArgument = z
  .string()
  .transform((text, context): WantedSip => {
    const word = text.trim().toLowerCase();
    if (word === "none" || word === "off" || word === "on") return word;
    try {
      return parseSipAor(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      context.addIssue({ code: "custom", message: `${error.message}; or none, off, on` });
      return z.NEVER;
    }
  })
  .describe(
    "The SIP address of record under which the user's presence is published, such as sip:alice@example.com; `off` keeps it and publishes nothing, `on` publishes again, `none` forgets it.",
  );

type SipOfUser = Pick<User, "sip" | "restingSip">;

const sipOf = ({ sip, restingSip }: SipOfUser): SipOfUser => ({
  ...(sip !== undefined && { sip }),
  ...(restingSip !== undefined && { restingSip }),
});

/**
 * The user's SIP address as wanted; as before where nothing is. Throws `command-conflict` when another user has it: of
 * two who publish under one address each would undo the other.
 */
export function chooseSip(
  findOwner: (wanted: SipAor) => PresentityId | undefined,
  wanted: WantedSip | undefined,
  before: SipOfUser & { readonly presentity: PresentityId },
): SipOfUser {
  const known = before.sip ?? before.restingSip;
  if (wanted === undefined) return sipOf(before);
  if (wanted === "none") return {};
  if (wanted === "on" || wanted === "off") {
    if (known === undefined)
      throw commandError("command-conflict", `${before.presentity} has no SIP address yet: give it as sip=sip:…`);
    return wanted === "on" ? { sip: known } : { restingSip: known };
  }
  const owner = findOwner(wanted);
  if (owner === undefined || owner === before.presentity) return { sip: wanted };
  throw commandError(
    "command-conflict",
    `${wanted} is the SIP address of ${owner} already; take it away first: user set ${owner} sip=none`,
  );
}

/** That an address does nothing yet, where a running gateway has no section [sip]. */
export function sipWarnings({ live }: CommandContext, { sip }: SipOfUser): readonly string[] {
  if (sip === undefined || !live || live.parts().some(({ kind, name }) => kind === "publisher" && name === "sip"))
    return [];
  return ["Nothing is published by SIP: the configuration file has no section [sip]."];
}

/** `sip:alice@example.com`, with `(off)` where it rests; undefined: there is none. */
export const describeSip = ({ sip, restingSip }: SipOfUser): string | undefined =>
  sip ?? (restingSip === undefined ? undefined : `${restingSip} (off)`);

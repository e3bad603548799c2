import { findChild, type XmlElement } from "../../ports/xml-element.ts";
import { adhocError, requestError } from "./adhoc-errors.ts";
import { NS } from "./namespaces.ts";

const ACTIONS = ["cancel", "complete", "execute", "next", "prev"] as const;

/** XEP-0050 section 3.4. */
export type AdhocAction = (typeof ACTIONS)[number];

/** A request to begin a command or to go on with it. */
export interface AdhocRequest {
  readonly node: string;
  readonly action: AdhocAction;
  readonly session?: string;
  readonly form?: XmlElement;
}

const LONGEST_ID = 256;

/** Reads `<command/>`. Throws the errors of XEP-0050 4.4. */
export function readRequest(command: XmlElement): AdhocRequest {
  const { node, action: wanted = "execute", sessionid: session } = command.attributes;
  const action = ACTIONS.find((each) => each === wanted);
  if (!action) throw adhocError("malformed-action");
  if (!node || node.length > LONGEST_ID) throw requestError("modify", "bad-request", "The command's node is missing.");
  if (session !== undefined && session.length > LONGEST_ID) throw adhocError("bad-sessionid");
  const form = findChild(command, "x", NS.data);
  return { node, action, ...(session && { session }), ...(form && { form }) };
}

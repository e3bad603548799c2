import type { IncomingSipRequest, SipResponse } from "../shared-sip/sip-server.ts";

/** A subscriber's side of a dialog (RFC 3261 12), as far as it is known. */
export interface Dialog {
  /** Cannot be guessed, so that it serves as our tag too. */
  readonly callId: string;
  /** Whether a SUBSCRIBE has been sent in it. */
  readonly isUsed: boolean;
  readonly remoteTag?: string;
  readonly target?: string;
  readonly routes: readonly string[];
  /** The CSeq of the last NOTIFY. */
  readonly remoteCseq: number;
}

/** A dialog that nobody knows of yet. */
export const newDialog = (makeId: () => string): Dialog => ({
  callId: makeId(),
  isUsed: false,
  routes: [],
  remoteCseq: -1,
});

const MOST_ROUTES = 10;

/** A header may hold several, with commas between (RFC 3261 20.30). */
const routesOf = (message: Pick<SipResponse, "headers">): string[] =>
  message
    .headers("Record-Route")
    .flatMap((value) => value.match(/<[^<>]{1,300}>[^,]{0,100}/g) ?? [])
    .slice(0, MOST_ROUTES);

/** The URI in a header Contact, where it can be a request's target. */
function uriOf(contact: string | undefined): string | undefined {
  const uri = /<(sips?:[^<>\s"]{1,300})>/i.exec(contact ?? "")?.[1];
  return uri && /^[\x21-\x7e]+$/.test(uri) ? uri : undefined;
}

/** The dialog after a SUBSCRIBE was accepted. RFC 3261 12.1.2: the route set of whoever has sent the request is the other way round. */
export function accepted(dialog: Dialog, response: SipResponse): Dialog {
  const remoteTag = dialog.remoteTag ?? /;\s*tag=([^;\s,]{1,200})/i.exec(response.header("To") ?? "")?.[1];
  if (remoteTag === undefined) return dialog;
  const target = uriOf(response.header("Contact")) ?? dialog.target;
  const isNew = dialog.remoteTag === undefined;
  const routes = isNew ? routesOf(response).reverse() : dialog.routes;
  return { ...dialog, remoteTag, routes, ...(target !== undefined && { target }) };
}

/** The dialog after a NOTIFY: RFC 3261 12.1.1 for the first NOTIFY, 12.2.2 for the others. */
export function answered(dialog: Dialog, request: IncomingSipRequest): Dialog {
  const target = uriOf(request.header("Contact")) ?? dialog.target;
  const routes = dialog.remoteTag === undefined ? routesOf(request) : dialog.routes;
  return {
    ...dialog,
    remoteTag: request.fromTag,
    remoteCseq: request.cseq,
    routes,
    ...(target !== undefined && { target }),
  };
}

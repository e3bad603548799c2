import { type ErrorType, GatewayError } from "../../ports/errors.ts";

/** Error codes of synchronising with directories, for docs/ERRORS.md. */
export const DIRECTORY_ERROR_CODES = {
  "directory-held": {
    type: "modify",
    meaning: "The directory has lost so many users that nothing was changed.",
    action:
      "Look at the directory, its filter and its groups. If they have really left: `directory sync <name> confirm=<how many>`.",
  },
} as const satisfies Readonly<
  Record<string, { readonly type: ErrorType; readonly meaning: string; readonly action: string }>
>;

/** What administrators are told, and what they can answer. */
export const heldText = (directory: string, removals: number): string =>
  `The directory ${directory} would remove ${removals} ${removals === 1 ? "user" : "users"}: so many that nothing was changed. If that is right: directory sync ${directory} confirm=${removals}`;

/** The same as the directory's condition. */
export const heldError = (directory: string, removals: number): GatewayError =>
  new GatewayError(heldText(directory, removals), {
    type: DIRECTORY_ERROR_CODES["directory-held"].type,
    code: "directory-held",
  });

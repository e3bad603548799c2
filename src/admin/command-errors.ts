import { type ErrorType, GatewayError } from "../ports/errors.ts";

/** One error code as docs/ERRORS.md lists it. */
export interface ErrorCodeText {
  readonly type: ErrorType;
  readonly meaning: string;
  /** What to do about it. */
  readonly action: string;
}

/** Every error code of the commands. */
export const COMMAND_ERROR_CODES = {
  "command-unknown": {
    type: "modify",
    meaning: "There is no such command.",
    action: "Send `help` for the commands you may use.",
  },
  "command-arguments": {
    type: "modify",
    meaning: "An argument is missing, unknown, given twice or not valid; every problem is named.",
    action: "Correct what is named; `help <command>` shows the form and examples.",
  },
  "command-syntax": {
    type: "modify",
    meaning: "The line cannot be read: a quote is not closed, or there are too many words.",
    action: 'Close the quote; write a quote inside quotes as \\".',
  },
  "command-too-long": {
    type: "modify",
    meaning: "The command is longer than 64 KiB.",
    action: "Send a shorter command.",
  },
  "command-forbidden": {
    type: "auth",
    meaning: "The sender may not use this command.",
    action: "Add the sender's bare JID to `admins` in the configuration, if it shall be an administrator.",
  },
  "command-not-found": {
    type: "cancel",
    meaning: "The user, calendar server or parameter that the command names does not exist.",
    action: "Compare with `user list`, `gateway list` or `parameter list`.",
  },
  "command-conflict": {
    type: "cancel",
    meaning: "What the command asks for contradicts what is configured.",
    action: "The message says what stands in the way and how to change it.",
  },
  "command-secret": {
    type: "modify",
    meaning: "A secret given as @file or $VARIABLE could not be read.",
    action: "Put the file into the secrets directory of the configuration, or set the gateway's environment variable.",
  },
  "import-invalid": {
    type: "modify",
    meaning: "The list of users cannot be read: it has no header row, wrong columns or too many rows, or is missing.",
    action: "The message names what is wrong; `user import sample` shows a list that is right.",
  },
  "command-not-running": {
    type: "wait",
    meaning: "The command needs the running gateway, and it is not running.",
    action: "Start the gateway and send the command again.",
  },
  "command-not-possible": {
    type: "cancel",
    meaning: "There is nothing the command could act on now, for example no meeting to end.",
    action: "See `me` or `why <jid>` for what is shown now.",
  },
} as const satisfies Readonly<Record<string, ErrorCodeText>>;

/** An error code of the commands. */
export type CommandErrorCode = keyof typeof COMMAND_ERROR_CODES;

/** The error of a command; `message` is for the person who gave it and holds no value that may be secret. */
export const commandError = (code: CommandErrorCode, message: string, cause?: unknown): GatewayError =>
  new GatewayError(message, { type: COMMAND_ERROR_CODES[code].type, code, cause });

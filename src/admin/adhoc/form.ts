/** XEP-0004 section 3.3: what a field of a form takes. Both `-multi` kinds take a line a value. */
export type FieldKind =
  | "boolean"
  | "jid-multi"
  | "jid-single"
  | "list-single"
  | "text-multi"
  | "text-private"
  | "text-single";

/** One value to choose. */
interface Choice {
  readonly value: string;
  readonly label: string;
}

/** One field that is asked. */
export interface FormField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly label: string;
  /** A longer explanation. */
  readonly text?: string;
  readonly isRequired: boolean;
  /** What is configured now: sent with the form, and no change when it comes back. Never a secret. */
  readonly value?: string;
  /** For `list-single`. */
  readonly choices?: readonly Choice[];
}

/** One form of a command; few fit a screen, so commands may ask by several. */
export interface FormStep {
  readonly title: string;
  readonly instructions: readonly string[];
  readonly fields: readonly FormField[];
  /** XEP-0068, where a specification names the form. */
  readonly formType?: string;
}

/** What was entered, by field; fields that were left as they are do not stand here. `boolean` is `yes` or `no`. */
export type Answers = ReadonlyMap<string, string>;

/** What a field holds when nobody has entered anything. */
export const presetOf = ({ kind, value }: FormField): string => value ?? (kind === "boolean" ? "no" : "");

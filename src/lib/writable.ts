/** The same while it is being made. */
export type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

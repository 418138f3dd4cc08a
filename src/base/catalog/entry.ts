// The form of a catalogue entry, shared by the tables of this folder.

/** Title, then an explanation that ends with what to do. Two or three sentences. */
export type Entry = readonly [title: string, explanation: string];
export type Entries = Readonly<Record<string, Entry>>;

/** What everyone can do about a bug of ours. */
export const REPORT =
  'This is a bug of neffc, not of the input: please report it with the reproducer folder that the message names.';

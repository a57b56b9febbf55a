// The columns of the pair table.

/** What can have the focus, from left to right. The last five are buttons, some of which may be hidden. */
export const COLUMNS = [
  "number",
  "source",
  "target",
  "instruction",
  "state",
  "mine",
  "theirs",
  "look",
  "swap",
  "delete",
] as const;

/** What is typed, copied and pasted. */
export const DATA = ["source", "target", "instruction"] as const;
export const SIDES = ["source", "target"] as const;

export type Column = (typeof COLUMNS)[number];
export type DataColumn = (typeof DATA)[number];

export function isData(column: Column | undefined): column is DataColumn {
  return (DATA as readonly (string | undefined)[]).includes(column);
}

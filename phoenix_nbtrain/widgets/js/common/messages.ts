// What a view and its kernel say to each other. The kernel's half is widgets/row_view.py, grid.py, pairs.py, progress.py
// and picker/folder_grid.py; what is told of a row is in widgets/row_sources.py.

// -- rows -----------------------------------------------------------------------------------------

type RowState = "kept" | "sending" | "saved" | "refused";

export interface Badge {
  text: string;
  tone: string;
  why: string;
}

interface AnyRow {
  state: RowState;
  /** Why it was refused; empty if it was not. */
  reason: string;
  /** Another text that may be taken in place of the row's own: somebody else's, or a data frame's. */
  theirs?: string | null;
}

/** An image of a training, or of a folder that somebody chooses from. */
export interface ImageRow extends AnyRow {
  image_id: string;
  name: string;
  caption: string;
  automatic_caption: string;
  width: number | null;
  height: number | null;
  bytes: number | null;
  /** Whether somebody else removed it. */
  gone?: boolean;
  badges: Badge[];
  /** Changes with the image, so that an old thumbnail is known for one. */
  version: string;
  colour: string;
}

export interface PairRow extends AnyRow {
  pair_id: string;
  /** Ids of images; empty where none is chosen. */
  source: string;
  target: string;
  source_name: string;
  target_name: string;
  instruction: string;
  /** The gravest thing that it lacks. */
  need: Badge | null;
}

export interface RowOf {
  images: ImageRow;
  pairs: PairRow;
}
export type TableName = keyof RowOf;

/** What of a table is looked at, and in which order; empty for all of it as it stands. */
export interface Wish {
  search?: string;
  attention?: boolean;
  sort?: string;
}

// -- what stands around the rows --------------------------------------------------------------------

/** What pairs lack: how many, and where they stand. */
export interface PairsNeed {
  kind: string;
  text: string;
  tone: string;
  places: number[];
}

/** The `summary` of a view of rows. A page may be painted before the first one comes. */
export type Summary = Partial<{
  revision: number;
  title: string;
  type: string;
  where: string;
  local: boolean;
  /** Whether the training learns from pairs. */
  pairs: boolean;
  counts: Partial<
    Record<"attention" | "images" | "pairs" | "uncaptioned" | "uninstructed" | "refused" | "retry", number>
  >;
  sync: { phase: "idle" | "waiting" | "sending" | "failed" | "blocked"; message: string; share: number };
  can_undo: boolean;
  can_redo: boolean;
  /** The revision whose edit undo would take back. */
  undoes: number | null;
  training: boolean;
  problem: string;
  total: number;
  /** Goes up whenever any row changes, also without a revision. */
  version: number;
  model_id: string;
  /** What to say where there are no rows: a heading, a sentence and code. */
  empty: [lead: string, text: string, code: string];
  needs: PairsNeed[];
  /** Whether the rows are files of a folder to choose from. */
  picking: boolean;
}>;

export interface Samples {
  epoch: number;
  ids: string[];
}

/** The `summary` of the progress panel. */
export type ProgressSummary = Partial<{
  title: string;
  where: string;
  local: boolean;
  phase: string;
  headline: string;
  standing: string;
  old: boolean;
  /** From 0 to 1, where it is known. */
  progress: number | null;
  losses: [step: number, loss: number][];
  samples: Samples[];
  epochs_sampled: number;
  prompts: string[];
  message: string;
  problem: string;
  can_stop: boolean;
  stop_words: string;
  honest: string;
}>;

// -- edits ----------------------------------------------------------------------------------------

/** A place in a table: a text in a dialog is in the table "dialogs". */
export interface Cell {
  table: string;
  row: string;
  column: string;
}

export interface SetOp extends Cell {
  op: "set";
  value: string;
  /** The revision at which the cell was read. */
  base?: number;
  /** Operations of one line are taken together or not at all. */
  line?: number;
}

/** A change, as `dataset/edits.py` describes it. */
export type Op =
  | SetOp
  | { op: "insert"; table: "pairs"; row: string; at?: number; values: { [column: string]: string }; line?: number }
  | { op: "delete" | "swap"; table: TableName; row: string }
  | { op: "move"; table: TableName; row: string; at: number }
  | { op: "move"; table: TableName; row: string; rows: string[]; by: 1 | -1 }
  | { op: "keep"; table: TableName; row: string; column?: string; side: "mine" | "theirs" };

interface Outcome {
  revision: number;
  accepted: unknown[];
  /** `op` is the place of the operation that was refused. */
  refused: { op: number; value: unknown; reason: string }[];
}

/** Words that were refused or not taken before this page was loaded. */
interface KeptCell extends Cell {
  value: string;
  reason: string;
  line?: number | null;
  /** Whether they were still being typed. */
  typed?: boolean;
  /** Whether their row is still there. */
  there: boolean;
}

// -- requests and replies ---------------------------------------------------------------------------

interface Request<Asks, Answers> {
  asks: Asks;
  answers: Answers;
}
// biome-ignore lint/complexity/noBannedTypes: no fields at all
type Nothing = {};

/** An image, by the number of its buffer; or why there is none. */
export interface Thumbnail {
  image_id: string;
  mime?: string;
  buffer?: number;
  error?: string;
  cancelled?: boolean;
}

interface FateOfLine {
  line: number;
  fate: string;
  names: string;
  reason: string;
}

/** Every request by its kind: what it says, and what the answer holds. */
export interface Requests {
  summary: Request<{ idle?: boolean }, { summary: Summary & ProgressSummary; selected?: string[] }>;
  rows: Request<
    { table: TableName } & (({ start: number; stop: number; keep?: [string, number][] } & Wish) | { ids: string[] }),
    { revision: number; total: number; rows: (ImageRow | PairRow)[] }
  >;
  order: Request<
    { table: TableName; start: number; stop: number; keep?: [string, number][] } & Wish,
    { revision: number; ids: string[] }
  >;
  part: Request<{ name: string }, { text: string }>;
  thumbnails: Request<{ ids: string[]; px: number }, { thumbnails: Thumbnail[] }>;
  cancel: Request<{ of: string }, Nothing>;
  edit: Request<{ ops: Op[]; base: number }, Outcome>;
  undo: Request<{ of?: number }, Outcome>;
  redo: Request<{ of?: number }, Outcome>;
  retry: Request<Nothing, Nothing>;
  typing: Request<Cell & { value: string }, Nothing>;
  refused: Request<
    { table: string; left?: (Cell & { value: string; kernel: string })[] },
    { cells: KeptCell[]; kernel: string; elsewhere: string[] }
  >;
  "let go": Request<Cell, Nothing>;
  // the grid
  select: Request<{ ids: string[] }, { selected: string[] }>;
  density: Request<{ density: string }, Nothing>;
  pair: Request<{ ids: string[] }, { revision: number; made: number; message: string }>;
  replace: Request<{ row: string; path: string }, { revision: number }>;
  // the pair table
  template: Request<
    { text: string; rows: string[] },
    { rows: { row: string; n: number; before: string; after: string }[] }
  >;
  "pair up": Request<{ instruction?: string }, { message: string }>;
  "add pairs": Request<{ path: string }, { summary: string; rows: FateOfLine[]; more: number }>;
  "save pairs": Request<{ path: string; overwrite: boolean }, { path: string }>;
  "pairs as text": Request<{ format: "csv" | "jsonl" }, { text: string }>;
  // the progress panel
  samples: Request<Nothing, { samples: Samples[] }>;
  stop: Request<Nothing, Nothing>;
}

export type Kind = keyof Requests;
export type Ask<K extends Kind> = { kind: K } & Requests[K]["asks"];

export interface Failure {
  id?: string;
  ok: false;
  error: { message: string; remedy: string };
}
export type Reply<K extends Kind = Kind> = ({ id?: string; ok: true } & Requests[K]["answers"]) | Failure;

/** What anywidget gives a view. */
export interface Model {
  // biome-ignore lint/suspicious/noExplicitAny: the values of traits, which the kernel has checked
  get(name: string): any;
  set(name: string, value: unknown): void;
  // biome-ignore lint/suspicious/noExplicitAny: each event has arguments of its own
  on(name: string, callback: (...args: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  off(name: string, callback: (...args: any[]) => void): void;
  send(content: object): void;
}

// The views of rows.

import type { Grid } from "../grid/grid";
import type { PairView } from "../pairs/pairs";

export type RowView = Grid | PairView;

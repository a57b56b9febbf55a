// What the parts of both views of rows use of their view.

import type { Grid } from "../grid/grid";
import type { PairView } from "../pairs/pairs";

export type RowView = Grid | PairView;

import { Checkbox, Text } from "@mantine/core";
import { useState } from "react";

import { columnsFor } from "../live/geometry";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { Tile } from "./Tile";
import { useKept } from "./useKept";
import style from "./TileGrid.module.css";

/** The cameras' cloaked live pictures. One of them can be made large. */
export function TileGrid() {
  const desk = useDesk();
  const known = useStore(desk.cameras);
  const seen = useStore(desk.live.cameras);
  const [boxes, setBoxes] = useKept("cortex.tiles.boxes", true);
  const [zones, setZones] = useKept("cortex.tiles.zones", true);
  const [large, setLarge] = useState<string | null>(null);

  const enabled = [...known.values()].flatMap(({ camera }) => (camera && !camera.disabled ? [camera.id] : []));
  const all = [...new Set([...enabled, ...seen.filter((id) => !known.get(id)?.camera?.disabled)])].sort();
  const shown = large !== null && all.includes(large) ? [large] : all;
  const columns = columnsFor(shown.length);

  return (
    <section className={style.section} aria-label="Cameras">
      <div className={style.bar}>
        <Text component="h2" size="sm" fw={600} m={0}>
          Cameras <span className={style.count}>{all.length}</span>
        </Text>
        <Text size="xs" c="dimmed" className={style.note}>
          Cloaked before they leave the server.
        </Text>
        <div className={style.switches}>
          <Checkbox size="xs" label="Boxes" checked={boxes} onChange={(event) => setBoxes(event.currentTarget.checked)} />
          <Checkbox size="xs" label="Zones" checked={zones} onChange={(event) => setZones(event.currentTarget.checked)} />
        </div>
      </div>
      {shown.length === 0 ? (
        <Text c="dimmed" ta="center" my="xl">
          No cameras yet.
        </Text>
      ) : (
        <div className={style.grid} style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
          {shown.map((id) => (
            <Tile
              key={id}
              id={id}
              status={known.get(id)}
              boxes={boxes}
              zones={zones}
              large={large === id}
              toggle={() => setLarge(large === id ? null : id)}
              canGrow={all.length > 1}
            />
          ))}
        </div>
      )}
    </section>
  );
}

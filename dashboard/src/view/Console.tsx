import { useEffect, useState, useSyncExternalStore } from "react";

import type { Alert } from "../gen/cortex/v1/alert_pb";
import { openCount } from "../state/alertBook";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { followAlerts, followView } from "../state/streams";
import { AlertDrawer } from "./AlertDrawer";
import { AlertPanel } from "./AlertPanel";
import { Announcer } from "./Announcer";
import { Header, type Place } from "./Header";
import { LogPanel } from "./LogPanel";
import { People } from "./People";
import { TileGrid } from "./TileGrid";
import style from "./Console.module.css";

/** The whole screen of somebody who is signed in. */
export function Console() {
  const desk = useDesk();
  const place = usePlace();
  const open = openCount(useStore(desk.alerts));
  const [chosen, setChosen] = useState<string | null>(null);

  useEffect(() => {
    const stop = new AbortController();
    followAlerts(desk, stop.signal);
    return () => stop.abort();
  }, [desk]);

  // Pictures, cameras and log are of no use beside the people's view, and a browser has few connections.
  useEffect(() => {
    const stop = new AbortController();
    if (place === "live") {
      followView(desk, stop.signal);
    }
    return () => stop.abort();
  }, [desk, place]);

  useEffect(() => {
    document.title = open > 0 ? `(${open}) Cortex` : "Cortex";
  }, [open]);

  const show = (alert: Alert): void => setChosen(alert.id);
  return (
    <div className={style.screen}>
      <Header place={place} />
      <main className={style.main} data-place={place}>
        <div className={style.left}>
          {place === "live" ? (
            <>
              <TileGrid />
              <LogPanel />
            </>
          ) : (
            <People />
          )}
        </div>
        <AlertPanel chosen={chosen} show={show} />
      </main>
      <AlertDrawer id={chosen} close={() => setChosen(null)} />
      <Announcer />
    </div>
  );
}

/** The view in the address, so that it can be linked and the back button works. */
function usePlace(): Place {
  return useSyncExternalStore(
    (changed) => {
      addEventListener("hashchange", changed);
      return () => removeEventListener("hashchange", changed);
    },
    () => (location.hash === "#/people" ? "people" : "live"),
  );
}

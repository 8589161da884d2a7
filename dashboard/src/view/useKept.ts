import { useState } from "react";

/** A switch whose position this browser keeps between visits. */
export function useKept(key: string, otherwise: boolean): readonly [boolean, (value: boolean) => void] {
  const [value, setValue] = useState(() => {
    const kept = localStorage.getItem(key);
    return kept === null ? otherwise : kept === "yes";
  });
  const keep = (next: boolean): void => {
    localStorage.setItem(key, next ? "yes" : "no");
    setValue(next);
  };
  return [value, keep];
}

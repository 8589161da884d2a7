import { useEffect, useState } from "react";

import type { PictureReport } from "../gen/cortex/v1/recognition_pb";
import style from "./Portraits.module.css";

/** The pictures chosen, each with what the server said of it. They stay in this browser until they are sent. */
export function Portraits(props: { readonly files: readonly File[]; readonly reports: readonly PictureReport[] }) {
  return (
    <ul className={style.portraits}>
      {props.files.map((file, index) => (
        <Portrait key={`${file.name} ${index}`} file={file} report={props.reports[index]} />
      ))}
    </ul>
  );
}

function Portrait(props: { readonly file: File; readonly report: PictureReport | undefined }) {
  const { file, report } = props;
  const [url, setUrl] = useState("");

  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);

  return (
    <li className={style.portrait}>
      {url !== "" && <img src={url} alt="" />}
      <div>
        <div className={style.name}>{file.name}</div>
        {report && (
          <div className={style.report} data-accepted={report.accepted}>
            <strong>{report.accepted ? "Enrolled" : "Not used"}</strong>
            {report.text !== "" && `: ${report.text}`}
            {report.faceWidth > 0 && ` (face ${Math.round(report.faceWidth)} px wide)`}
          </div>
        )}
      </div>
    </li>
  );
}

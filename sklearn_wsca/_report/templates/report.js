(() => {
  "use strict";
  const table = document.getElementById("columns-table");
  const body = table.tBodies[0];
  const headers = Array.from(table.tHead.rows[0].cells);
  const rows = Array.from(body.rows);
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const keyOf = (row, index, type) => {
    const cell = row.cells[index];
    if (type === "text") return cell.textContent.trim();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  // What is missing stays last in either direction.
  const compare = (a, b, type, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (type === "text" ? collator.compare(a, b) : a - b);
  };

  const sortBy = (index) => {
    const header = headers[index];
    const type = header.dataset.type;
    const rising = header.getAttribute("aria-sort") !== "ascending";
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const keyed = rows.map((row) => ({ row, key: keyOf(row, index, type) }));
    keyed.sort((a, b) => compare(a.key, b.key, type, rising ? 1 : -1));
    body.append(...keyed.map(({ row }) => row));
  };

  headers.forEach((header, index) => {
    const button = header.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => sortBy(index));
  });

  const filters = document.getElementById("filters");
  const text = document.getElementById("filter-text");
  const verdict = document.getElementById("filter-verdict");
  const status = document.getElementById("status");

  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const name = row.cells[0].textContent.toLowerCase();
      const fits = !verdict.value || row.dataset.verdict === verdict.value;
      row.hidden = !(fits && name.includes(wanted));
      if (!row.hidden) shown += 1;
    }
    status.textContent = `${shown} of ${rows.length} columns shown.`;
  };

  text.addEventListener("input", filter);
  verdict.addEventListener("change", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());
  // The fields are empty only after the event.
  filters.addEventListener("reset", () => setTimeout(filter));

  const details = Array.from(document.querySelectorAll("details"));
  const columns = details.filter((one) => one.classList.contains("column"));
  const setAll = (open) => columns.forEach((one) => { one.open = open; });
  document.getElementById("open-all").addEventListener("click", () => setAll(true));
  document.getElementById("close-all").addEventListener("click", () => setAll(false));
  document.querySelectorAll(".tools").forEach((tools) => { tools.hidden = false; });

  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target || target.tagName !== "DETAILS") return;
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  };
  addEventListener("hashchange", openTarget);
  // A second click on the same link changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#column-']");
    if (link && link.hash === location.hash) openTarget();
  });
  openTarget();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = details.filter((one) => !one.open);
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => {
    closed.forEach((one) => { one.open = false; });
  });
})();

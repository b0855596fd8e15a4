"use strict";
// Click or press a column's heading to sort by it; again to turn the order. Cells without a number go last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const key = (row) => row.cells[column].textContent.trim();
      const compare = head.classList.contains("number")
        ? (a, b) => {
            const [x, y] = [parseFloat(key(a)), parseFloat(key(b))];
            return isNaN(x) ? (isNaN(y) ? 0 : 1) : isNaN(y) ? -1 : way * (x - y);
          }
        : (a, b) => way * key(a).localeCompare(key(b), "en", { numeric: true });
      body.replaceChildren(...[...body.rows].sort(compare));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
    });
  });
}

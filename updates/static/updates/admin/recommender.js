"use strict";
// The form of a recommender: of the learners' options it shows those of the learner chosen.
(() => {
  const learner = document.getElementById("id_learner");
  if (!learner) return;
  function show() {
    for (const options of document.querySelectorAll(".learner-options")) {
      options.hidden = options.dataset.learner !== learner.value;
    }
  }
  learner.addEventListener("change", show);
  show();
})();

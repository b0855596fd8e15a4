"""What a paper has to say of a run, from its manifests and tables: methods text, model cards, checklists."""

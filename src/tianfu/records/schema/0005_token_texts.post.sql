-- Texts of codings could hold what people write about a patient, and nothing reads them.
alter table token drop column display;

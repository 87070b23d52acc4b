select count(*) as waiting from visit

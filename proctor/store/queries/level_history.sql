SELECT * FROM proctor.cell_level WHERE agent = $1 ORDER BY n DESC

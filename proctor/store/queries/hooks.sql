SELECT * FROM proctor.hook ORDER BY name
